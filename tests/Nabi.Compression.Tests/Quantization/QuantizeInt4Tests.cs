using Nabi.Compression.Quantization;
using Nabi.Ops;

namespace Nabi.Compression.Tests.Quantization;

public class QuantizeInt4Tests
{
    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public void Accuracy_stays_and_weights_take_four_bits(int groupSize)
    {
        var quantized = new QuantizeInt4 { GroupSize = groupSize }.Apply(TinyNet.Trained, TinyNet.Context);
        Assert.InRange(TinyNet.Accuracy(quantized), TinyNet.Accuracy(TinyNet.Trained) - 0.06, 1);
        var layers = quantized.Nodes.Where(n => n.Op is Conv { Group: 1 } or Gemm).ToArray();
        Assert.Equal(DType.Float32, layers[0].Inputs[1]!.Data!.DType);
        Assert.All(layers.Skip(1), n => Assert.Equal(DType.Int4, n.Inputs[1]!.Producer!.Inputs[0]!.DType));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(16, false)]
    [InlineData(32, true)]
    public void Every_weight_is_near_its_number(int groupSize, bool transposed)
    {
        var graph = Dense(transposed);
        var quantized = new QuantizeInt4 { GroupSize = groupSize, KeepFirst = false }.Apply(graph, TinyNet.Context);
        var node = quantized.Nodes.Single(n => n.Op is DequantizeLinear);
        var (exact, rounded) = (graph.Parameters[0].Data!.ToSingle(), ReferenceEvaluator.Evaluate(node, [.. node.Inputs.Select(v => v?.Data)], new Rng(0))[0].ToSingle());
        var error = exact.Zip(rounded, (a, b) => (a - b) * (a - b)).Sum() / exact.Sum(a => a * a);
        Assert.InRange(error, 1e-4, 0.02);
        Assert.Equal(groupSize, ((DequantizeLinear)node.Op).BlockSize);
    }

    [Fact]
    public void Bad_weights_and_settings_are_named()
    {
        Assert.Contains("group-size", new QuantizeInt4 { GroupSize = 3 }.Fault, StringComparison.Ordinal);
        var graph = Dense(transposed: true);
        graph.Parameters[0].Data!.Span<float>()[5] = float.NaN;
        Assert.Contains("NaN", Assert.Throws<NabiException>(() => new QuantizeInt4 { KeepFirst = false }.Apply(graph, TinyNet.Context)).Message, StringComparison.Ordinal);
        Assert.Contains("4 bits", Assert.Throws<NabiException>(() => new QuantizeInt4().Apply(Dense(true), TinyNet.Context)).Message, StringComparison.Ordinal);
    }

    private static Graph Dense(bool transposed)
    {
        var b = new GraphBuilder("dense");
        var rng = new Rng(3);
        var weight = Tensor.Empty(DType.Float32, transposed ? [40, 192] : [192, 40]);
        foreach (ref var w in weight.Span<float>()) w = rng.NextSingle() - 0.5f;
        b.Output("y", b.Apply(new Gemm { TransB = transposed }, b.Input("x", DType.Float32, [1, 192]), b.Parameter("w", weight)));
        return b.Build();
    }
}
