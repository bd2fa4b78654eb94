using Nabi.Core.Tests.Channels;
using Nabi.Ops;
using Nabi.TestSuite;

namespace Nabi.Core.Tests.Operators;

public class AdderConvTests
{
    [Fact]
    public void It_measures_the_negated_distance_of_window_and_filter()
    {
        var y = Run([[1f, -2, 3]], [[0.5f, -2, 5]]);
        Assert.Equal(-2.5f, y);
    }

    [Fact]
    public void Its_cost_is_two_additions_per_tap_and_no_multiplication()
    {
        var b = new GraphBuilder("g");
        var y = b.Apply(new AdderConv { Window = Window.Of(3, pad: 1) }, b.Input("x", DType.Float32, [1, 16, 32, 32]), b.Parameter("f", Tensor.Zeros(DType.Float32, [16, 16, 3, 3])));
        Assert.Equal((0L, 2L * 16 * 16 * 9 * 32 * 32), (y.Producer!.Cost.Macs, y.Producer.Cost.Operations));
    }

    // Equations 5 and 6: a filter's gradient is X - F, however large; the input's is F - X limited to [-1, 1].
    [Theory]
    [InlineData(5, 0.5)]
    [InlineData(-0.25, 0.5)]
    [InlineData(0.5, 0.5)]
    public void Filters_learn_by_the_difference_and_inputs_by_its_limited_form(float x, float f)
    {
        var b = new GraphBuilder("g");
        var (input, filter) = (b.Input("x", DType.Float32, [1, 1, 1, 1]), b.Input("f", DType.Float32, [1, 1, 1, 1]));
        var gradients = Gradients.Add(b, b.ReduceSum(b.Apply(new AdderConv(), input, filter), [], keepdims: false), [input, filter]);
        b.Output("dx", gradients[0]);
        b.Output("df", gradients[1]);
        var results = ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor> { ["x"] = Tensor.Of([1, 1, 1, 1], [x]), ["f"] = Tensor.Of([1, 1, 1, 1], [f]) });
        Assert.Equal(Math.Clamp(f - x, -1, 1), results["dx"].ToSingle()[0]);
        Assert.Equal(x - f, results["df"].ToSingle()[0], 1e-6f);
    }

    // The composed filter gradient against equation 5 summed by hand, with padding and stride.
    [Fact]
    public void The_filter_gradient_sums_over_all_windows()
    {
        var (x, f, dy) = (OperatorCases.Float(2, 3, 5, 4), OperatorCases.Float(4, 3, 3, 3), OperatorCases.Float(2, 4, 3, 2));
        var b = new GraphBuilder("g");
        var (input, filter) = (b.Input("x", DType.Float32, x.Shape), b.Input("f", DType.Float32, f.Shape));
        var y = b.Apply(new AdderConv { Window = Window.Of(3, stride: 2, pad: 1) }, input, filter);
        b.Output("df", Gradients.Add(b, b.ReduceSum(b.Mul(y, b.Constant(dy)), [], keepdims: false), [filter])[0]);
        var actual = ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor> { ["x"] = x, ["f"] = f })["df"].ToSingle();
        for (var i = 0; i < actual.Length; i++) Assert.Equal(ByHand(i), actual[i], 1e-4f);

        float ByHand(int i)
        {
            var (m, c, ky, kx) = (i / 27, i / 9 % 3, i / 3 % 3, i % 3);
            var sum = 0f;
            for (var o = 0; o < 2 * 3 * 2; o++)
            {
                var (n, oy, ox) = (o / 6, o / 2 % 3, o % 2);
                var (iy, ix) = (2 * oy + ky - 1, 2 * ox + kx - 1);
                var seen = iy is >= 0 and < 5 && ix is >= 0 and < 4 ? x.Span<float>()[((n * 3 + c) * 5 + iy) * 4 + ix] : 0;
                sum += dy.Span<float>()[((n * 4 + m) * 3 + oy) * 2 + ox] * (seen - f.Span<float>()[i]);
            }
            return sum;
        }
    }

    [Fact]
    public void A_removed_channel_contributes_nothing()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3, 5, 5]);
        var h = Normed(b, b.Apply(new AdderConv { Window = Window.Of(3, pad: 1) }, x, b.Parameter("first", OperatorCases.Float(8, 3, 3, 3))));
        h = Normed(b, b.Apply(new AdderConv { Window = Window.Of(3, stride: 2, pad: 1) }, b.Relu(h), b.Parameter("second", OperatorCases.Float(6, 8, 3, 3))));
        b.Output("y", b.Conv(h, b.Parameter("out", OperatorCases.Float(4, 6, 1, 1))));
        var graph = b.Build();
        var groups = ChannelGroups.Of(graph);
        Assert.Equal(2, groups.Count);
        PruningAssert.PrunedEqualsMasked(graph, groups);
    }

    private static Value Normed(GraphBuilder b, Value x)
    {
        var channels = x.Shape[1];
        var name = x.Producer!.Name;
        return b.Apply(new BatchNormalization(), x, b.Parameter($"{name}.scale", OperatorCases.Positive(channels)), b.Parameter($"{name}.bias", OperatorCases.Float(channels)),
            b.Parameter($"{name}.mean", OperatorCases.Float(channels), trainable: false), b.Parameter($"{name}.var", OperatorCases.Positive(channels), trainable: false));
    }

    private static float Run(float[][] x, float[][] f)
    {
        var b = new GraphBuilder("g");
        b.Output("y", b.Apply(new AdderConv(), b.Constant(Tensor.Of([1, x[0].Length, 1, 1], x[0])), b.Constant(Tensor.Of([1, f[0].Length, 1, 1], f[0]))));
        return ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor>())["y"].ToSingle()[0];
    }
}
