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
        var whole = Channels / L.Count;
        fixed (DepthwiseTile* tile = &this)
        {
            if (N.Value >= 4 && TapColumns == 3 && InputStep == TapStep)
                Blocks<L, V, N, Three, Whole>(tile, 0, whole);
            else if (N.Value >= 4 && TapColumns == 5 && InputStep == TapStep)
                Blocks<L, V, N, Five, Whole>(tile, 0, whole);
            else
                Blocks<L, V, N, Any, Whole>(tile, 0, whole);
            if (Channels % L.Count != 0)
                Blocks<L, V, N, Any, Part>(tile, whole, 1);
        }
        Input += N.Value * InputStep;
        Output += N.Value * OutputStep;
    }

    /// <summary>Some blocks of channels. The conditions on the sizes are constants to the compiler.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blocks<L, V, N, K, E>(DepthwiseTile* t, int block, int count)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
        where N : unmanaged, ICount
        where K : unmanaged, ICount
        where E : unmanaged, IExtent
    {
        var left = t->Channels - (block * L.Count);
        var input = t->Input + (block * L.Count);
        var output = t->Output + (block * L.Count);
        var weights = t->Weights + (block * t->WeightBlockStep);
        var bias = t->Bias is null ? null : t->Bias + (block * L.Count);
        nint step = t->InputStep, tapStep = t->TapStep, rowStep = t->RowStep, weightRowStep = t->WeightRowStep;
        for (; count > 0; count--)
        {
            var c0 = bias is null ? default : E.Load<L, V>(bias, left);
            V c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
            float* x = input, w = weights;
            for (var y = t->TapRows; y > 0; y--)
            {
                float* tap = x, weight = w;
                if (K.Value >= 3)
                {
                    ThreeTaps<L, V, N>(tap, weight, step, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5, ref c6, ref c7);
                    tap += 3 * step;
                    weight += 3 * L.Count;
                }
                if (K.Value == 5)
                {
                    Tap<L, V, N, E>(tap, weight, step, left, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5, ref c6, ref c7);
                    Tap<L, V, N, E>(tap + step, weight + L.Count, step, left, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5, ref c6, ref c7);
                }
                if (K.Value == 0)
                {
                    for (var taps = t->TapColumns; taps > 0; taps--, tap += tapStep, weight += L.Count)
                        Tap<L, V, N, E>(tap, weight, step, left, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5, ref c6, ref c7);
                }
                x += rowStep;
                w += weightRowStep;
            }
            Store<L, V, N, E>(t, output, left, c0, c1, c2, c3, c4, c5, c6, c7);
            input += L.Count;
            output += L.Count;
            weights += t->WeightBlockStep;
            if (bias is not null)
                bias += L.Count;
        }
    }

    /// <summary>One tap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tap<L, V, N, E>(
        float* x, float* w, nint step, int left, ref V c0, ref V c1, ref V c2, ref V c3, ref V c4, ref V c5, ref V c6, ref V c7)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
        where N : unmanaged, ICount
        where E : unmanaged, IExtent
    {
        var f = L.Load(w);
        c0 = L.MultiplyAdd(E.Load<L, V>(x, left), f, c0);
        if (N.Value > 1)
            c1 = L.MultiplyAdd(E.Load<L, V>(x + step, left), f, c1);
        if (N.Value > 2)
        {
            c2 = L.MultiplyAdd(E.Load<L, V>(x + (2 * step), left), f, c2);
            c3 = L.MultiplyAdd(E.Load<L, V>(x + (3 * step), left), f, c3);
        }
        if (N.Value > 4)
        {
            x += 4 * step;
            c4 = L.MultiplyAdd(E.Load<L, V>(x, left), f, c4);
            c5 = L.MultiplyAdd(E.Load<L, V>(x + step, left), f, c5);
            c6 = L.MultiplyAdd(E.Load<L, V>(x + (2 * step), left), f, c6);
            c7 = L.MultiplyAdd(E.Load<L, V>(x + (3 * step), left), f, c7);
        }
    }

    /// <summary>Three taps that are as far apart as the pixels: each input is loaded once for the up to three pixels that see it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ThreeTaps<L, V, N>(float* x, float* w, nint step, ref V c0, ref V c1, ref V c2, ref V c3, ref V c4, ref V c5, ref V c6, ref V c7)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
        where N : unmanaged, ICount
    {
        var (f0, f1, f2) = (L.Load(w), L.Load(w + L.Count), L.Load(w + (2 * L.Count)));
        c0 = L.MultiplyAdd(L.Load(x), f0, c0);
        var v = L.Load(x + step);
        (c0, c1) = (L.MultiplyAdd(v, f1, c0), L.MultiplyAdd(v, f0, c1));
        v = L.Load(x + (2 * step));
        (c0, c1, c2) = (L.MultiplyAdd(v, f2, c0), L.MultiplyAdd(v, f1, c1), L.MultiplyAdd(v, f0, c2));
        v = L.Load(x + (3 * step));
        (c1, c2, c3) = (L.MultiplyAdd(v, f2, c1), L.MultiplyAdd(v, f1, c2), L.MultiplyAdd(v, f0, c3));
        x += 4 * step;
        v = L.Load(x);
        (c2, c3) = (L.MultiplyAdd(v, f2, c2), L.MultiplyAdd(v, f1, c3));
        if (N.Value > 4)
            c4 = L.MultiplyAdd(v, f0, c4);
        v = L.Load(x + step);
        c3 = L.MultiplyAdd(v, f2, c3);
        if (N.Value > 4)
        {
            (c4, c5) = (L.MultiplyAdd(v, f1, c4), L.MultiplyAdd(v, f0, c5));
            v = L.Load(x + (2 * step));
            (c4, c5, c6) = (L.MultiplyAdd(v, f2, c4), L.MultiplyAdd(v, f1, c5), L.MultiplyAdd(v, f0, c6));
            v = L.Load(x + (3 * step));
            (c5, c6, c7) = (L.MultiplyAdd(v, f2, c5), L.MultiplyAdd(v, f1, c6), L.MultiplyAdd(v, f0, c7));
            x += 4 * step;
            v = L.Load(x);
            (c6, c7) = (L.MultiplyAdd(v, f2, c6), L.MultiplyAdd(v, f1, c7));
            c7 = L.MultiplyAdd(L.Load(x + step), f2, c7);
        }
    }

    /// <summary>Adds the old content, limits and stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<L, V, N, E>(DepthwiseTile* t, float* output, int left, V c0, V c1, V c2, V c3, V c4, V c5, V c6, V c7)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
        where N : unmanaged, ICount
        where E : unmanaged, IExtent
    {
        var step = t->OutputStep;
        var far = output + (4 * step);
        if (t->Load)
        {
            c0 = L.Add(c0, E.Load<L, V>(output, left));
            if (N.Value > 1)
                c1 = L.Add(c1, E.Load<L, V>(output + step, left));
            if (N.Value > 2)
                (c2, c3) = (L.Add(c2, E.Load<L, V>(output + (2 * step), left)), L.Add(c3, E.Load<L, V>(output + (3 * step), left)));
            if (N.Value > 4)
            {
                (c4, c5) = (L.Add(c4, E.Load<L, V>(far, left)), L.Add(c5, E.Load<L, V>(far + step, left)));
                (c6, c7) = (L.Add(c6, E.Load<L, V>(far + (2 * step), left)), L.Add(c7, E.Load<L, V>(far + (3 * step), left)));
            }
        }
        if (t->Clamp)
        {
            var (low, high) = (t->Low, t->High);
            (c0, c1, c2, c3) = (L.Clamp(c0, low, high), L.Clamp(c1, low, high), L.Clamp(c2, low, high), L.Clamp(c3, low, high));
            (c4, c5, c6, c7) = (L.Clamp(c4, low, high), L.Clamp(c5, low, high), L.Clamp(c6, low, high), L.Clamp(c7, low, high));
        }
        E.Store<L, V>(c0, output, left);
        if (N.Value > 1)
            E.Store<L, V>(c1, output + step, left);
        if (N.Value > 2)
        {
            E.Store<L, V>(c2, output + (2 * step), left);
            E.Store<L, V>(c3, output + (3 * step), left);
        }
        if (N.Value > 4)
        {
            E.Store<L, V>(c4, far, left);
            E.Store<L, V>(c5, far + step, left);
            E.Store<L, V>(c6, far + (2 * step), left);
            E.Store<L, V>(c7, far + (3 * step), left);
        }
    }

    /// <summary>A number that is a constant to the compiler.</summary>
    private interface ICount
    {
        static abstract int Value { get; }
    }

    /// <summary>Known when it runs.</summary>
    private readonly struct Any : ICount
    {
        public static int Value => 0;
    }

    private readonly struct One : ICount
    {
        public static int Value => 1;
    }

    private readonly struct Two : ICount
    {
        public static int Value => 2;
    }

    private readonly struct Three : ICount
    {
        public static int Value => 3;
    }

    private readonly struct Four : ICount
    {
        public static int Value => 4;
    }

    private readonly struct Five : ICount
    {
        public static int Value => 5;
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
