using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>One filter per channel, channels in the lanes, four output pixels at a time so that each weight is loaded once for four products.</summary>
internal unsafe struct DepthwiseKernel<TSink> : IKernel
    where TSink : unmanaged, ITileSink
{
    private const int Pixels = 4;

    /// <summary>Channels at a time when the sink wants tiles.</summary>
    private const int StripChannels = 256;

    /// <summary>Output pixels; its channels are the groups.</summary>
    public ImageRows Source;

    /// <summary>[taps][channels].</summary>
    public float* Weights;

    /// <summary>Floats between the taps of a kernel row.</summary>
    public nint Step;

    public TSink Sink;

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
        var direct = Sink.StoresDirectly;
        var strip = direct ? channels : StripChannels;
        var temporary = stackalloc float[Pixels * StripChannels];
        var clamps = Sink.TryGetRange(out var low, out var high);
        var t = new TileArguments { Inputs = inputs, Outputs = outputs, Panel = Weights, Bias = Sink.Bias, Load = Sink.Accumulates };
        (t.Clamp, t.Low, t.High) = (clamps, low, high);
        for (var tile = first; tile < last; tile++)
        {
            var row = tile * Pixels;
            var count = Math.Min(Pixels, Source.Rows - row);
            Source.Inputs(row, count, Pixels, 0, Source.Depth, inputs, numbers, out t.Taps, out var tapDepth);
            var inner = tapDepth / channels;   // taps behind one pointer
            for (var start = 0; start < channels; start += strip)
            {
                var end = Math.Min(channels, start + strip);
                for (var i = 0; i < Pixels; i++)
                    outputs[i] = direct ? Sink.Target(numbers[Math.Min(i, count - 1)]) : temporary + (i * strip) - start;
                Channels<L, V>(&t, start, end, count, inner);
                Sink.Close<L, V>(direct ? null : temporary, strip, numbers, count, start, end - start);
                if (!Sink.FinishesInStore)
                    Sink.Finish(numbers, count, start, end - start);
            }
        }
    }

    /// <summary>One tile of pixels, channels [channel, end).</summary>
    private readonly void Channels<L, V>(TileArguments* t, int channel, int end, int count, int inner)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var channels = Source.Channels;
        if (count == Pixels || !t->Load)   // repeated pixels store the same twice
        {
            for (; channel <= end - (2 * L.Count); channel += 2 * L.Count)
                Block<L, V>(t, channel, channels, inner, Step);
            for (; channel <= end - L.Count; channel += L.Count)
                Strip<L, V>(t, channel, channels, inner, Step);
        }
        for (; channel < end; channel += L.Count)
        {
            for (var i = 0; i < count; i++)
                Single<L, V>(t, i, channel, end, channels, inner, Step);
        }
    }

    /// <summary>Four pixels, two registers of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<L, V>(TileArguments* t, int channel, int channels, int inner, nint step)
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
            float* x0 = inputs[0] + channel, x1 = inputs[1] + channel, x2 = inputs[2] + channel, x3 = inputs[3] + channel;
            inputs += Pixels;
            nint at = 0;
            for (var n = inner; n > 0; n--)
            {
                var w0 = L.Load(weights);
                var w1 = L.Load(weights + L.Count);
                c00 = L.MultiplyAdd(L.Load(x0 + at), w0, c00);
                c01 = L.MultiplyAdd(L.Load(x0 + at + L.Count), w1, c01);
                c10 = L.MultiplyAdd(L.Load(x1 + at), w0, c10);
                c11 = L.MultiplyAdd(L.Load(x1 + at + L.Count), w1, c11);
                c20 = L.MultiplyAdd(L.Load(x2 + at), w0, c20);
                c21 = L.MultiplyAdd(L.Load(x2 + at + L.Count), w1, c21);
                c30 = L.MultiplyAdd(L.Load(x3 + at), w0, c30);
                c31 = L.MultiplyAdd(L.Load(x3 + at + L.Count), w1, c31);
                weights += channels;
                at += step;
            }
        }
        TileKernels.Finish<L, V>(t, 0, c00, c01, channel);
        TileKernels.Finish<L, V>(t, 1, c10, c11, channel);
        TileKernels.Finish<L, V>(t, 2, c20, c21, channel);
        TileKernels.Finish<L, V>(t, 3, c30, c31, channel);
    }

    /// <summary>Four pixels, one register of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Strip<L, V>(TileArguments* t, int channel, int channels, int inner, nint step)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var c0 = t->Bias is null ? default : L.Load(t->Bias + channel);
        V c1 = c0, c2 = c0, c3 = c0;
        var inputs = t->Inputs;
        var weights = t->Panel + channel;
        for (var tap = t->Taps; tap > 0; tap--)
        {
            float* x0 = inputs[0] + channel, x1 = inputs[1] + channel, x2 = inputs[2] + channel, x3 = inputs[3] + channel;
            inputs += Pixels;
            nint at = 0;
            for (var n = inner; n > 0; n--)
            {
                var w = L.Load(weights);
                c0 = L.MultiplyAdd(L.Load(x0 + at), w, c0);
                c1 = L.MultiplyAdd(L.Load(x1 + at), w, c1);
                c2 = L.MultiplyAdd(L.Load(x2 + at), w, c2);
                c3 = L.MultiplyAdd(L.Load(x3 + at), w, c3);
                weights += channels;
                at += step;
            }
        }
        TileKernels.Finish<L, V>(t, 0, c0, channel);
        TileKernels.Finish<L, V>(t, 1, c1, channel);
        TileKernels.Finish<L, V>(t, 2, c2, channel);
        TileKernels.Finish<L, V>(t, 3, c3, channel);
    }

    /// <summary>One pixel, one register of channels or what is left of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Single<L, V>(TileArguments* t, int pixel, int channel, int end, int channels, int inner, nint step)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var count = Math.Min(L.Count, end - channel);
        var sum = t->Bias is null ? default : LoadSome<L, V>(t->Bias + channel, count);
        var weights = t->Panel + channel;
        for (var tap = 0; tap < t->Taps; tap++)
        {
            var input = t->Inputs[(tap * Pixels) + pixel] + channel;
            for (var n = 0; n < inner; n++)
            {
                sum = L.MultiplyAdd(LoadSome<L, V>(input + (n * step), count), LoadSome<L, V>(weights, count), sum);
                weights += channels;
            }
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
