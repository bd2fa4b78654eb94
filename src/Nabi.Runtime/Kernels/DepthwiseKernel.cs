using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>One filter per channel, channels in the lanes, four output pixels at a time so that each weight is loaded once for four products.</summary>
internal unsafe struct DepthwiseKernel : IKernel
{
    private const int Pixels = 4;

    /// <summary>Output pixels; its channels are the groups.</summary>
    public ImageRows Source;

    /// <summary>[taps][channels].</summary>
    public float* Weights;

    public FloatSink Sink;

    [SkipLocalsInit]
    public void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var channels = Source.Channels;
        var (first, last) = WorkPool.Share((Source.Rows + Pixels - 1) / Pixels, worker, workers);
        var inputs = stackalloc float*[Source.MaxTaps * Pixels];
        var numbers = stackalloc long[Pixels];
        var outputs = stackalloc float*[Pixels];
        var clamps = Sink.TryGetRange(out var low, out var high);
        var t = new TileArguments { Inputs = inputs, Outputs = outputs, Panel = Weights, Bias = Sink.Bias, Load = Sink.Accumulates };
        (t.Clamp, t.Low, t.High) = (clamps, low, high);
        for (var tile = first; tile < last; tile++)
        {
            var row = tile * Pixels;
            var count = Math.Min(Pixels, Source.Rows - row);
            Source.Inputs(row, count, Pixels, 0, Source.Depth, inputs, out t.Taps, out _);
            Source.Outputs(row, count, numbers);
            for (var i = 0; i < count; i++)
                outputs[i] = Sink.Target(numbers[i]);
            var channel = 0;
            if (count == Pixels)
            {
                for (; channel <= channels - (2 * L.Count); channel += 2 * L.Count)
                    Block<L, V>(&t, channel, channels);
            }
            for (; channel < channels; channel += L.Count)
            {
                for (var i = 0; i < count; i++)
                    Single<L, V>(&t, i, channel, channels);
            }
            Sink.Close<L, V>(null, 0, numbers, count, 0, channels, last: true);
        }
    }

    /// <summary>Four pixels, two registers of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<L, V>(TileArguments* t, int channel, int channels)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        V c00 = default, c01 = default;
        if (t->Bias is not null)
        {
            c00 = L.Load(t->Bias + channel);
            c01 = L.Load(t->Bias + channel + L.Count);
        }
        V c10 = c00, c20 = c00, c30 = c00, c11 = c01, c21 = c01, c31 = c01;
        var inputs = t->Inputs;
        var weights = t->Panel + channel;
        for (var tap = t->Taps; tap > 0; tap--)
        {
            var w0 = L.Load(weights);
            var w1 = L.Load(weights + L.Count);
            float* x0 = inputs[0] + channel, x1 = inputs[1] + channel, x2 = inputs[2] + channel, x3 = inputs[3] + channel;
            c00 = L.MultiplyAdd(L.Load(x0), w0, c00);
            c01 = L.MultiplyAdd(L.Load(x0 + L.Count), w1, c01);
            c10 = L.MultiplyAdd(L.Load(x1), w0, c10);
            c11 = L.MultiplyAdd(L.Load(x1 + L.Count), w1, c11);
            c20 = L.MultiplyAdd(L.Load(x2), w0, c20);
            c21 = L.MultiplyAdd(L.Load(x2 + L.Count), w1, c21);
            c30 = L.MultiplyAdd(L.Load(x3), w0, c30);
            c31 = L.MultiplyAdd(L.Load(x3 + L.Count), w1, c31);
            weights += channels;
            inputs += Pixels;
        }
        Finish<L, V>(t, 0, channel, c00, c01);
        Finish<L, V>(t, 1, channel, c10, c11);
        Finish<L, V>(t, 2, channel, c20, c21);
        Finish<L, V>(t, 3, channel, c30, c31);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<L, V>(TileArguments* t, int pixel, int channel, V c0, V c1)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var target = t->Outputs[pixel] + channel;
        if (t->Load)
        {
            c0 = L.Add(c0, L.Load(target));
            c1 = L.Add(c1, L.Load(target + L.Count));
        }
        if (t->Clamp)
        {
            c0 = L.Clamp(c0, t->Low, t->High);
            c1 = L.Clamp(c1, t->Low, t->High);
        }
        L.Store(c0, target);
        L.Store(c1, target + L.Count);
    }

    /// <summary>One pixel, one register of channels or what is left of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Single<L, V>(TileArguments* t, int pixel, int channel, int channels)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var count = Math.Min(L.Count, channels - channel);
        var sum = t->Bias is null ? default : LoadSome<L, V>(t->Bias + channel, count);
        for (var tap = 0; tap < t->Taps; tap++)
        {
            var x = LoadSome<L, V>(t->Inputs[(tap * Pixels) + pixel] + channel, count);
            sum = L.MultiplyAdd(x, LoadSome<L, V>(t->Panel + ((long)tap * channels) + channel, count), sum);
        }
        var target = t->Outputs[pixel] + channel;
        if (t->Load)
            sum = L.Add(sum, LoadSome<L, V>(target, count));
        if (t->Clamp)
            sum = L.Clamp(sum, t->Low, t->High);
        if (count == L.Count)
            L.Store(sum, target);
        else
            Simd.StorePart(sum, target, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LoadSome<L, V>(float* source, int count)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => count == L.Count ? L.Load(source) : Simd.LoadPart<V>(source, count);
}
