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
    public void WeightGradientMatchesTheReference(string name)
    {
        var shape = ConvCases.All[name];
        var w = shape.Window;
        using var x = Given.Floats((long)w.Batch * w.Height * w.Width * shape.InChannels, 1);
        using var dy = Given.Floats((long)w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels, 2);
        using var dw = Given.Floats(shape.WeightSize, 3);
        var gradient = new ConvolutionWeightGradient(shape);
        using var scratch = new GuardedBuffer<float>(gradient.ScratchSize(pool.Workers));
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
}
