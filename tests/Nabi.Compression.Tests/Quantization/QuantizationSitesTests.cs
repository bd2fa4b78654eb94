using Nabi.Compression.Quantization;
using Nabi.Ops;

namespace Nabi.Compression.Tests.Quantization;

public class QuantizationSitesTests
{
    private static readonly Rng Chance = new(4);

    private static Value Weight(GraphBuilder b, string name, params int[] shape)
    {
        var data = Tensor.Empty(DType.Float32, Shape.Create(shape));
        foreach (ref var w in data.Span<float>()) w = (float)Chance.NextGaussian();
        return b.Parameter(name, data);
    }

    private static (Graph Fake, Graph Integer) Quantize(Graph graph)
    {
        var sites = QuantizationSites.Of(graph, new());
        var ranges = sites.Sources.Values.Distinct().ToDictionary(v => v, _ => new QuantizationRange(-6, 6));
        var fake = FakeQuantization.Insert(graph, sites, ranges, new());
        return (fake, Integers.Pass.Apply(fake));
    }

    private static void AssertEqualNumbers(Graph fake, Graph integer)
    {
        var shape = fake.Inputs[0].Shape.With(0, 2);
        var feed = new Dictionary<string, Tensor> { ["x"] = Tensor.Of<float>(shape, [.. Enumerable.Range(0, shape.Count).Select(i => MathF.Sin(i * 0.7f) * 2)]) };
        Assert.Equal(ReferenceEvaluator.Run(fake, feed)["y"].ToSingle(), ReferenceEvaluator.Run(integer, feed)["y"].ToSingle());
    }

    [Fact]
    public void Concatenated_parts_lie_on_one_grid()
    {
        var b = new GraphBuilder("dense");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3, 4, 4]);
        var left = b.Relu(b.Conv(x, Weight(b, "w1", 2, 3, 1, 1), Weight(b, "b1", 2)));
        var right = b.Conv(x, Weight(b, "w2", 2, 3, 1, 1), Weight(b, "b2", 2));
        var joined = b.Concat(1, left, right);
        b.Output("y", b.Conv(joined, Weight(b, "w3", 2, 4, 1, 1), Weight(b, "b3", 2)));
        var graph = b.Build();
        var sites = QuantizationSites.Of(graph, new());
        Assert.Equal(sites.Sources[left], sites.Sources[right]);
        Assert.Equal(sites.Sources[left], sites.Sources[joined]);
        Assert.NotEqual(sites.Sources[x], sites.Sources[joined]);
        var (fake, integer) = Quantize(graph);
        AssertEqualNumbers(fake, integer);
    }

    [Fact]
    public void Curved_functions_are_rounded_where_they_end()
    {
        var b = new GraphBuilder("squeeze and excitation");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3, 4, 4]);
        var (conv, sigmoid) = (b.Conv(x, Weight(b, "w1", 2, 3, 1, 1), Weight(b, "b1", 2)), new Sigmoid());
        var inner = b.Apply(sigmoid, conv);
        var silu = b.Mul(conv, inner);
        var gate = b.Apply(sigmoid, b.Conv(b.Apply(new GlobalAveragePool(), silu), Weight(b, "w2", 2, 2, 1, 1), Weight(b, "b2", 2)));
        var gated = b.Mul(silu, gate);
        var line = b.Mul(gated, b.Scalar(2, gated));
        b.Output("y", b.Softmax(line, 1));
        var graph = b.Build();
        var sites = QuantizationSites.Of(graph, new());
        foreach (var rounded in (Value[])[conv, silu, gate, gated]) Assert.Equal(rounded, sites.Sources[rounded]);
        foreach (var real in (Value[])[inner, line]) Assert.DoesNotContain(real, sites.Sources.Keys);
        var (fake, integer) = Quantize(graph);
        AssertEqualNumbers(fake, integer);
    }

    [Fact]
    public void A_bias_added_after_a_matrix_product_becomes_an_integer()
    {
        var b = new GraphBuilder("linear");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 5, 6]);
        b.Output("y", b.Relu(b.Add(b.MatMul(x, Weight(b, "w", 6, 4)), Weight(b, "bias", 4))));
        var (fake, integer) = Quantize(b.Build());
        Assert.Contains(integer.Parameters, p => p is { Name: "bias.int", DType: DType.Int32 });
        Assert.Equal(2, integer.Nodes.Count(n => n.Op is QuantizeLinear));
        AssertEqualNumbers(fake, integer);
    }

    [Fact]
    public void What_has_no_integer_form_stays_in_float()
    {
        var b = new GraphBuilder("soft");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 6]);
        var h = b.Apply(new Sigmoid(), b.Dense(x, Weight(b, "w1", 4, 6), Weight(b, "b1", 4)));
        b.Output("y", b.Apply(new Softmax(), b.Dense(h, Weight(b, "w2", 3, 4), Weight(b, "b2", 3))));
        var (fake, integer) = Quantize(b.Build());
        Assert.IsType<Softmax>(integer.Outputs[0].Value.Producer!.Op);
        Assert.Equal(4, integer.Nodes.Count(n => n.Op is QuantizeLinear));
        AssertEqualNumbers(fake, integer);
    }

    [Fact]
    public void Depthwise_and_pooling_have_equal_numbers()
    {
        var b = new GraphBuilder("mobile");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3, 8, 8]);
        var h = b.Relu(b.Conv(x, Weight(b, "w1", 4, 3, 3, 3), Weight(b, "b1", 4), 2, 1));
        h = b.Relu(b.Conv(h, Weight(b, "w2", 4, 1, 3, 3), Weight(b, "b2", 4), 1, 1, group: 4));
        h = b.Flatten(b.GlobalAveragePool(b.MaxPool(h, 2, 2)));
        b.Output("y", b.Dense(h, Weight(b, "w3", 3, 4)));
        var (fake, integer) = Quantize(b.Build());
        AssertEqualNumbers(fake, integer);
    }
}
