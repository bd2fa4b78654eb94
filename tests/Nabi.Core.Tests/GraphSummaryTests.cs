using Nabi.Ops;

namespace Nabi.Core.Tests;

public sealed class GraphSummaryTests
{
    private const int Width = 8, Size = 16;
    private const long FloatBytes = 4L * Width * Size * Size;

    [Fact]
    public void FloatLayersHoldWhatTheyReadAndWrite() => Assert.Equal(2 * FloatBytes, GraphSummary.Of(Layers(quantized: false)).PeakActivationBytes);

    [Fact]
    public void QuantizedLayersHoldBytes() => Assert.Equal(2 * FloatBytes / 4, GraphSummary.Of(Layers(quantized: true)).PeakActivationBytes);

    [Fact]
    public void ReadersOfFloatsAreGivenFloats()
    {
        // The last layer's floats are made from its bytes; Softmax writes as many.
        var graph = Layers(quantized: true, new Softmax());
        Assert.Equal(2 * FloatBytes, GraphSummary.Of(graph).PeakActivationBytes);
    }

    [Fact]
    public void BothOperandsOfASumAreHeldUntilItIsQuantized()
    {
        var b = new GraphBuilder("sum");
        var (scale, zero) = (b.Constant(Tensor.Scalar(0.1f)), b.Constant(Tensor.Scalar((sbyte)0)));
        var (x, y) = (b.Input("x", DType.Int8, [1, 100]), b.Input("y", DType.Int8, [1, 100]));
        var sum = b.Relu(b.Add(b.Apply(new DequantizeLinear(), x, scale, zero), b.Apply(new DequantizeLinear(), y, scale, zero)));
        b.Output("z", b.Apply(new QuantizeLinear(), sum, scale, zero));
        Assert.Equal(300, GraphSummary.Of(b.Build()).PeakActivationBytes);
    }

    private static Graph Layers(bool quantized, Op? last = null)
    {
        var b = new GraphBuilder("layers");
        var (scale, zero) = (b.Constant(Tensor.Scalar(0.1f)), b.Constant(Tensor.Scalar((sbyte)0)));
        var x = Cut(b.Input("x", DType.Float32, [1, 1, Size, Size]));
        for (var i = 0; i < 3; i++)
        {
            Shape shape = [Width, i == 0 ? 1 : Width, 3, 3];
            var weight = quantized
                ? b.Apply(new DequantizeLinear { Axis = 0 }, b.Constant(Tensor.Empty(DType.Int8, shape)), b.Constant(Tensor.Vector<float>(new float[Width])))
                : b.Constant(Tensor.Empty(DType.Float32, shape));
            x = b.Conv(x, weight, pad: 1);
            if (quantized) x = Cut(b.Relu(x));
        }
        b.Output("y", last is null ? Cut(b.Apply(new GlobalAveragePool(), x)) : b.Apply(last, x));
        return b.Build();

        Value Cut(Value value) => quantized ? b.Apply(new DequantizeLinear(), b.Apply(new QuantizeLinear(), value, scale, zero), scale, zero) : value;
    }
}
