using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class SparseConvolutionTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public static TheoryData<string, bool> Names
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (var (name, shape) in ConvCases.All)
            {
                if (shape.Groups > 1) continue;
                data.Add(name, true);
                data.Add(name, false);
            }
            return data;
        }
    }

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryGeometryMatchesTheReference(string name, bool emits)
    {
        var shape = ConvCases.All[name];
        using var x = Given.Floats((long)shape.Window.Batch * shape.Window.Height * shape.Window.Width * shape.InChannels, 1);
        using var bias = Given.Floats(shape.OutChannels, 3);
        foreach (var zeros in (double[])[0, 0.7, 1])
        {
            using var weights = Weights(shape, zeros);
            using var y = new GuardedBuffer<float>((long)shape.Window.Batch * shape.Window.OutHeight * shape.Window.OutWidth * shape.OutChannels);
            using var residual = Given.Floats(y.Length, 4);
            var expected = ConvReference.Forward(shape, x.Span, weights.Span);
            Run(pool, shape, emits, x.Pointer, 0, weights, y.Pointer, 0, default);
            Given.Near(expected, y.Span, 5e-5, name);   // one chain of up to 4770 products

            for (var i = 0; i < expected.Length; i++)
                expected[i] = UnaryReference.Evaluate(new(UnaryKind.HardSwish), expected[i] + bias[i % shape.OutChannels] + residual[i]);
            Run(pool, shape, emits, x.Pointer, 0, weights, y.Pointer, 0, new Epilogue
            {
                Bias = bias.Pointer, Residual = residual.Pointer, ResidualStride = shape.OutChannels, Activation = new(UnaryKind.HardSwish),
            });
            Given.Near(expected, y.Span, 5e-5, name + " with epilogue");
        }
    }

    // Read from wider pixels, written into wider pixels, whose other channels stay.
    [Theory]
    [InlineData("3x3 same", true)]
    [InlineData("3x3 same", false)]
    [InlineData("3x3 wide stride 2", true)]
    [InlineData("3x3 wide stride 2", false)]
    public void ChannelsLieAmongOthers(string name, bool emits)
    {
        var shape = ConvCases.All[name];
        var (read, write) = (shape.InChannels + 5, shape.OutChannels + 3);
        var w = shape.Window;
        using var wide = Given.Floats((long)w.Batch * w.Height * w.Width * read, 1);
        using var x = new GuardedBuffer<float>((long)w.Batch * w.Height * w.Width * shape.InChannels);
        for (var i = 0; i < x.Length; i++)
            x[i] = wide[(i / shape.InChannels * read) + (i % shape.InChannels)];
        using var weights = Weights(shape, 0.8);
        using var y = new GuardedBuffer<float>((long)w.Batch * w.OutHeight * w.OutWidth * write);
        y.Span.Fill(7);
        Run(pool, shape, emits, wide.Pointer, read, weights, y.Pointer, write, default);
        var expected = ConvReference.Forward(shape, x.Span, weights.Span);
        var all = new double[y.Length];
        for (var i = 0; i < all.Length; i++)
            all[i] = i % write < shape.OutChannels ? expected[(i / write * shape.OutChannels) + (i % write)] : 7;
        Given.Near(all, y.Span, 2e-5, name);
    }

    [Theory]
    [InlineData("3x3 several blocks of lines", true)]
    [InlineData("3x3 several blocks of lines", false)]
    [InlineData("3x3 odd channels", true)]
    public void NumberOfWorkersDoesNotChangeTheBits(string name, bool emits)
    {
        var shape = ConvCases.All[name];
        var w = shape.Window;
        using var x = Given.Floats((long)w.Batch * w.Height * w.Width * shape.InChannels, 1);
        using var weights = Weights(shape, 0.8);
        using var one = new GuardedBuffer<float>((long)w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels);
        using var three = new GuardedBuffer<float>(one.Length);
        using var single = new WorkPool(1);
        using var team = new WorkPool(3);
        Run(single, shape, emits, x.Pointer, 0, weights, one.Pointer, 0, default);
        Run(team, shape, emits, x.Pointer, 0, weights, three.Pointer, 0, default);
        Assert.True(one.Span.SequenceEqual(three.Span));
    }

    // More rows than a strip holds.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ManyRowsAreTakenInStrips(bool emits)
    {
        var shape = ConvCases.Of(1, 90, 70, 33, 5, 3, pad: 1);
        Assert.True(new SparseStrip(shape).Tiles * Simd.Lanes < 90 * 70);
        using var x = Given.Floats(90L * 70 * 33, 1);
        using var weights = Weights(shape, 0.9);
        using var y = new GuardedBuffer<float>(90L * 70 * 5);
        Run(pool, shape, emits, x.Pointer, 0, weights, y.Pointer, 0, default);
        Given.Near(ConvReference.Forward(shape, x.Span, weights.Span), y.Span, 2e-5, "strips");
    }

    private static GuardedBuffer<float> Weights(in ConvShape shape, double zeros)
    {
        var weights = Given.Floats(shape.WeightSize, 2);
        using var chance = Given.Floats(shape.WeightSize, 9, 0, 1);
        for (var i = 0; i < weights.Length; i++)
            if (chance[i] < zeros) weights[i] = 0;
        return weights;
    }

    private static void Run(WorkPool pool, in ConvShape shape, bool emits, float* x, int readStride, GuardedBuffer<float> weights, float* y, int writeStride, in Epilogue epilogue)
    {
        var depth = (int)(shape.WeightSize / shape.OutChannels);
        var convolution = new SparseConvolution(shape, SparsePattern.Of(weights.Span, shape.OutChannels, depth, depth, 1), emits);
        using var packed = new GuardedBuffer<float>(convolution.PackedSize);
        using var scratch = new GuardedBuffer<float>(convolution.ScratchSize(pool.Workers));
        scratch.Span.Fill(float.NaN);
        convolution.Pack(weights.Pointer, packed.Pointer);
        convolution.Run(pool, x, readStride == 0 ? shape.InChannels : readStride, packed.Pointer, y, writeStride == 0 ? shape.OutChannels : writeStride, epilogue, scratch.Pointer);
    }
}
