using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Output pixels in a line that see the same taps of a convolution with one filter per channel: all their channels, lanes of channels at a time.</summary>
/// <remarks>Each output is bias, then the taps in order, whatever the width and the number of pixels. A weight is loaded once for all pixels.</remarks>
internal unsafe struct DepthwiseTile
{
    /// <summary>The first pixel under the first tap.</summary>
    public float* Input;

    /// <summary>Floats from what one output pixel sees to what the next sees.</summary>
    public nint InputStep;

    /// <summary>Rows of taps.</summary>
    public int TapRows;

    /// <summary>Taps in a row.</summary>
    public int TapColumns;

    /// <summary>Floats from a row of taps to the next.</summary>
    public nint RowStep;

    /// <summary>Floats from a tap to the next in its row.</summary>
    public nint TapStep;

    /// <summary>Weights of the first tap in the first block of channels, [tap][lanes].</summary>
    public float* Weights;

    /// <summary>Floats from the weights of a row of taps to those of the next.</summary>
    public nint WeightRowStep;

    /// <summary>Floats from the weights of a block of channels to those of the next.</summary>
    public nint WeightBlockStep;

    /// <summary>One value per channel, or null.</summary>
    public float* Bias;

    /// <summary>The first output pixel.</summary>
    public float* Output;

    /// <summary>Floats from one output pixel to the next.</summary>
    public nint OutputStep;

    /// <summary>Channels of a pixel.</summary>
    public int Channels;

    /// <summary>Whether the result's old content is added.</summary>
    public bool Load;

    /// <summary>Whether the result is limited to [<see cref="Low"/>, <see cref="High"/>].</summary>
    public bool Clamp;

    /// <summary>Lower limit.</summary>
    public float Low;

    /// <summary>Upper limit.</summary>
    public float High;

    /// <summary>Computes <paramref name="count"/> pixels and leaves the tile behind them.</summary>
    public void Run<L, V>(int count)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        for (; count >= 8; count -= 8)
            Pixels<L, V, Eight>();
        if ((count & 4) != 0)
            Pixels<L, V, Four>();
        if ((count & 2) != 0)
            Pixels<L, V, Two>();
        if ((count & 1) != 0)
            Pixels<L, V, One>();
    }

    private void Pixels<L, V, N>()
        where L : unmanaged, ILanes<V>
        where V : unmanaged
        where N : unmanaged, ICount
    {
        fixed (DepthwiseTile* tile = &this)
        {
            Blocks<L, V, N, Whole>(tile, 0, Channels / L.Count);
            if (Channels % L.Count != 0)
                Blocks<L, V, N, Part>(tile, Channels / L.Count, 1);
        }
        Input += N.Value * InputStep;
        Output += N.Value * OutputStep;
    }

    /// <summary>Some blocks of channels. The conditions on <typeparamref name="N"/> and <typeparamref name="E"/> are constants.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blocks<L, V, N, E>(DepthwiseTile* t, int block, int count)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
        where N : unmanaged, ICount
        where E : unmanaged, IExtent
    {
        var left = t->Channels - (block * L.Count);
        var input = t->Input + (block * L.Count);
        var output = t->Output + (block * L.Count);
        var weights = t->Weights + (block * t->WeightBlockStep);
        var bias = t->Bias is null ? null : t->Bias + (block * L.Count);
        nint step = t->InputStep, step3 = 3 * step, tapStep = t->TapStep, rowStep = t->RowStep, weightRowStep = t->WeightRowStep;
        for (; count > 0; count--)
        {
            var c0 = bias is null ? default : E.Load<L, V>(bias, left);
            V c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
            float* row = input, weightRow = weights;
            for (var y = t->TapRows; y > 0; y--)
            {
                float* x = row, w = weightRow;
                for (var n = t->TapColumns; n > 0; n--)
                {
                    var f = L.Load(w);
                    c0 = L.MultiplyAdd(E.Load<L, V>(x, left), f, c0);
                    if (N.Value > 1)
                        c1 = L.MultiplyAdd(E.Load<L, V>(x + step, left), f, c1);
                    if (N.Value > 2)
                    {
                        c2 = L.MultiplyAdd(E.Load<L, V>(x + (2 * step), left), f, c2);
                        c3 = L.MultiplyAdd(E.Load<L, V>(x + step3, left), f, c3);
                    }
                    if (N.Value > 4)
                    {
                        var far = x + (4 * step);
                        c4 = L.MultiplyAdd(E.Load<L, V>(far, left), f, c4);
                        c5 = L.MultiplyAdd(E.Load<L, V>(far + step, left), f, c5);
                        c6 = L.MultiplyAdd(E.Load<L, V>(far + (2 * step), left), f, c6);
                        c7 = L.MultiplyAdd(E.Load<L, V>(far + step3, left), f, c7);
                    }
                    x += tapStep;
                    w += L.Count;
                }
                row += rowStep;
                weightRow += weightRowStep;
            }
            var target = output;
            var outputStep = t->OutputStep;
            if (t->Load)
            {
                c0 = L.Add(c0, E.Load<L, V>(target, left));
                if (N.Value > 1)
                    c1 = L.Add(c1, E.Load<L, V>(target + outputStep, left));
                if (N.Value > 2)
                {
                    c2 = L.Add(c2, E.Load<L, V>(target + (2 * outputStep), left));
                    c3 = L.Add(c3, E.Load<L, V>(target + (3 * outputStep), left));
                }
                if (N.Value > 4)
                {
                    c4 = L.Add(c4, E.Load<L, V>(target + (4 * outputStep), left));
                    c5 = L.Add(c5, E.Load<L, V>(target + (5 * outputStep), left));
                    c6 = L.Add(c6, E.Load<L, V>(target + (6 * outputStep), left));
                    c7 = L.Add(c7, E.Load<L, V>(target + (7 * outputStep), left));
                }
            }
            if (t->Clamp)
            {
                c0 = L.Clamp(c0, t->Low, t->High);
                if (N.Value > 1)
                    c1 = L.Clamp(c1, t->Low, t->High);
                if (N.Value > 2)
                {
                    c2 = L.Clamp(c2, t->Low, t->High);
                    c3 = L.Clamp(c3, t->Low, t->High);
                }
                if (N.Value > 4)
                {
                    c4 = L.Clamp(c4, t->Low, t->High);
                    c5 = L.Clamp(c5, t->Low, t->High);
                    c6 = L.Clamp(c6, t->Low, t->High);
                    c7 = L.Clamp(c7, t->Low, t->High);
                }
            }
            E.Store<L, V>(c0, target, left);
            if (N.Value > 1)
                E.Store<L, V>(c1, target += outputStep, left);
            if (N.Value > 2)
            {
                E.Store<L, V>(c2, target += outputStep, left);
                E.Store<L, V>(c3, target += outputStep, left);
            }
            if (N.Value > 4)
            {
                E.Store<L, V>(c4, target += outputStep, left);
                E.Store<L, V>(c5, target += outputStep, left);
                E.Store<L, V>(c6, target += outputStep, left);
                E.Store<L, V>(c7, target += outputStep, left);
            }
            input += L.Count;
            output += L.Count;
            weights += t->WeightBlockStep;
            if (bias is not null)
                bias += L.Count;
        }
    }

    /// <summary>A number the compiler knows.</summary>
    private interface ICount
    {
        static abstract int Value { get; }
    }

    private readonly struct One : ICount
    {
        public static int Value => 1;
    }

    private readonly struct Two : ICount
    {
        public static int Value => 2;
    }

    private readonly struct Four : ICount
    {
        public static int Value => 4;
    }

    private readonly struct Eight : ICount
    {
        public static int Value => 8;
    }

    /// <summary>How much of a register is channels.</summary>
    private interface IExtent
    {
        static abstract V Load<L, V>(float* source, int left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged;

        static abstract void Store<L, V>(V value, float* target, int left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged;
    }

    private readonly struct Whole : IExtent
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Load<L, V>(float* source, int left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Load(source);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store<L, V>(V value, float* target, int left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => L.Store(value, target);
    }

    private readonly struct Part : IExtent
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Load<L, V>(float* source, int left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => Simd.LoadPart<V>(source, left);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store<L, V>(V value, float* target, int left)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => Simd.StorePart(value, target, left);
    }
}
