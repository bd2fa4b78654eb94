using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class ConvolutionTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public static TheoryData<string> Names => [.. ConvCases.All.Keys];

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void ForwardMatchesTheReference(string name)
    {
        var shape = ConvCases.All[name];
        var w = shape.Window;
        using var x = Given.Floats((long)w.Batch * w.Height * w.Width * shape.InChannels, 1);
        using var weights = Given.Floats(shape.WeightSize, 2);
        using var bias = Given.Floats(shape.OutChannels, 3);
        using var y = new GuardedBuffer<float>((long)w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels);
        using var residual = Given.Floats(y.Length, 4);
        var conv = new Convolution(shape);
        using var packed = new GuardedBuffer<float>(conv.PackedSize);
        conv.Pack(weights.Pointer, packed.Pointer);
        var expected = ConvReference.Forward(shape, x.Span, weights.Span);
        conv.Run(pool, x.Pointer, packed.Pointer, y.Pointer, default);
        Given.Near(expected, y.Span, 2e-5, name);
        using var scratch = new GuardedBuffer<float>(conv.ScratchSize);
        using var same = new GuardedBuffer<float>(y.Length);
        conv.Run(pool, x.Pointer, packed.Pointer, same.Pointer, default, scratch.Pointer);
        Assert.Equal(y.Span.ToArray(), same.Span.ToArray());

        var limited = Array.ConvertAll(expected, e => Math.Clamp(2 * e, -0.5, 0.75));
        conv.Run(pool, x.Pointer, packed.Pointer, same.Pointer, new Epilogue { Accumulate = true, Activation = Unary.Clip(-0.5f, 0.75f) }, scratch.Pointer);
        Given.Near(limited, same.Span, 4e-5, name + " accumulated and limited");

        for (var i = 0; i < expected.Length; i++)
            expected[i] = UnaryReference.Evaluate(new(UnaryKind.HardSwish), expected[i] + bias[i % shape.OutChannels] + residual[i]);
        conv.Run(pool, x.Pointer, packed.Pointer, y.Pointer, new Epilogue
        {
            Bias = bias.Pointer,
            Residual = residual.Pointer,
            ResidualStride = shape.OutChannels,
            Activation = new(UnaryKind.HardSwish),
        }, scratch.Pointer);
        Given.Near(expected, y.Span, 2e-5, name + " with epilogue");
    }

    [Theory]
    [InlineData("3x3 rgb")]
    [InlineData("3x3 gray same")]
    [InlineData("3x3 four channels tall stride")]
    [InlineData("7x7 stem")]
    public void PlanesGiveTheSameBitsAsPixels(string name)
    {
        var shape = ConvCases.All[name];
        var (batch, size, channels) = (shape.Window.Batch, shape.Window.Height * shape.Window.Width, shape.InChannels);
        using var pixels = Given.Floats((long)batch * size * channels, 1);
        using var planes = new GuardedBuffer<float>(pixels.Length);
        for (var i = 0; i < pixels.Length; i++)
            planes[(((i / channels / size * channels) + (i % channels)) * size) + (i / channels % size)] = pixels[i];
        using var weights = Given.Floats(shape.WeightSize, 2);
        using var packed = new GuardedBuffer<float>(new Convolution(shape).PackedSize);
        using var scratch = new GuardedBuffer<float>(new Convolution(shape).ScratchSize);
        using var expected = new GuardedBuffer<float>((long)batch * shape.Window.OutHeight * shape.Window.OutWidth * shape.OutChannels);
        using var y = new GuardedBuffer<float>(expected.Length);
        new Convolution(shape).Pack(weights.Pointer, packed.Pointer);
        new Convolution(shape).Run(pool, pixels.Pointer, packed.Pointer, expected.Pointer, default, scratch.Pointer);
        new Convolution(shape, readPlanes: true).Run(pool, planes.Pointer, packed.Pointer, y.Pointer, default, scratch.Pointer);
        Assert.Equal(expected.Span.ToArray(), y.Span.ToArray());
    }

    [Fact]
    public void RefusesPlanesOfManyChannels() => Assert.Throws<ArgumentException>(() => new Convolution(ConvCases.All["3x3 same"], readPlanes: true));

    // Read from the middle of wider pixels, written into the middle of wider pixels, whose other channels stay.
    [Theory]
    [MemberData(nameof(Names))]
    public void ChannelsMayLieAmongOthers(string name)
    {
        const int Before = 3, Others = 5;
        var shape = ConvCases.All[name];
        var w = shape.Window;
        var (readStride, writeStride) = (shape.InChannels + Others, shape.OutChannels + Others);
        using var x = Given.Floats((long)w.Batch * w.Height * w.Width * readStride, 1);
        using var weights = Given.Floats(shape.WeightSize, 2);
        using var y = Given.Floats((long)w.Batch * w.OutHeight * w.OutWidth * writeStride, 3);
        var conv = new Convolution(shape, readStride: readStride, writeStride: writeStride);
        using var packed = new GuardedBuffer<float>(conv.PackedSize);
        using var scratch = new GuardedBuffer<float>(conv.ScratchSize);
        conv.Pack(weights.Pointer, packed.Pointer);
        var expected = y.Span.ToArray();
        var dense = ConvReference.Forward(shape, Channels(x.Span, readStride, Before, shape.InChannels), weights.Span);
        for (var i = 0; i < dense.Length; i++)
        {
            var (pixel, channel) = Math.DivRem(i, shape.OutChannels);
            expected[(pixel * writeStride) + Before + channel] = (float)dense[i];
        }
        conv.Run(pool, x.Pointer + Before, packed.Pointer, y.Pointer + Before, default, scratch.Pointer);
        Given.Near(Array.ConvertAll(expected, e => (double)e), y.Span, 2e-5, name);
    }

    [Fact]
    public void RefusesAStrideBelowTheChannels() => Assert.Throws<ArgumentException>(() => new Convolution(ConvCases.All["5x5"], writeStride: 8));

    [Theory]
    [MemberData(nameof(Names))]
    public void TransposedIsTheAdjointOfForward(string name)
    {
        var shape = ConvCases.All[name];
        var w = shape.Window;
        using var dy = Given.Floats((long)w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels, 1);
        using var weights = Given.Floats(shape.WeightSize, 2);
        using var dx = new GuardedBuffer<float>((long)w.Batch * w.Height * w.Width * shape.InChannels);
        var conv = new Convolution(shape, transposed: true);
        using var packed = new GuardedBuffer<float>(conv.PackedSize);
        conv.Pack(weights.Pointer, packed.Pointer);
        conv.Run(pool, dy.Pointer, packed.Pointer, dx.Pointer, default);
        Given.Near(ConvReference.InputGradient(shape, dy.Span, weights.Span), dx.Span, 2e-5, name);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ScatteredGivesTheSameAsTransposed(string name)
    {
        var shape = ConvCases.All[name];
        if (shape.Groups > 1) return;
        var w = shape.Window;
        using var dy = Given.Floats((long)w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels, 1);
        using var weights = Given.Floats(shape.WeightSize, 2);
        using var residual = Given.Floats((long)w.Batch * w.Height * w.Width * shape.InChannels, 3);
        using var dx = new GuardedBuffer<float>(residual.Length);
        var conv = new ScatteredConvolution(shape);
        using var packed = new GuardedBuffer<float>(conv.PackedSize);
        using var scratch = new GuardedBuffer<float>(conv.ScratchSize(pool.Workers));
        conv.Pack(pool, weights.Pointer, packed.Pointer);
        var expected = ConvReference.InputGradient(shape, dy.Span, weights.Span);
        conv.Run(pool, dy.Pointer, packed.Pointer, dx.Pointer, null, false, scratch.Pointer);
        Given.Near(expected, dx.Span, 2e-5, name);
        for (var i = 0; i < expected.Length; i++) expected[i] += residual[i];
        conv.Run(pool, dy.Pointer, packed.Pointer, dx.Pointer, residual.Pointer, false, scratch.Pointer);
        Given.Near(expected, dx.Span, 2e-5, name + " with residual");
        conv.Run(pool, dy.Pointer, packed.Pointer, residual.Pointer, null, true, scratch.Pointer);
        Given.Near(expected, residual.Span, 2e-5, name + " accumulated");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void WeightGradientMatchesTheReference(string name)
    {
        var shape = ConvCases.All[name];
        var w = shape.Window;
        using var x = Given.Floats((long)w.Batch * w.Height * w.Width * shape.InChannels, 1);
        using var dy = Given.Floats((long)w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels, 2);
        using var dw = Given.Floats(shape.WeightSize, 3);
        var gradient = new ConvolutionWeightGradient(shape);
        using var scratch = Given.Floats(gradient.ScratchSize(pool.Workers), 4);
        var expected = ConvReference.WeightGradient(shape, x.Span, dy.Span);
        gradient.Run(pool, x.Pointer, dy.Pointer, dw.Pointer, false, scratch.Pointer);
        Given.Near(expected, dw.Span, 2e-5, name);
        gradient.Run(pool, x.Pointer, dy.Pointer, dw.Pointer, true, scratch.Pointer);
        for (var i = 0; i < expected.Length; i++)
            expected[i] *= 2;
        Given.Near(expected, dw.Span, 4e-5, name + " accumulated");
    }

    [Fact]
    public void RefusesChannelsThatDoNotDivide() => Assert.Throws<ArgumentException>(() => new Convolution(
        new ConvShape { Window = new() { Height = 4, Width = 4, KernelHeight = 1, KernelWidth = 1 }, InChannels = 6, OutChannels = 8, Groups = 4 }));

    private static float[] Channels(ReadOnlySpan<float> rows, int stride, int first, int count)
    {
        var chosen = new float[rows.Length / stride * count];
        for (var i = 0; i < chosen.Length; i++) chosen[i] = rows[(i / count * stride) + first + (i % count)];
        return chosen;
    }
}
