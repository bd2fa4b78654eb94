using Nabi.Compression.Quantization;

namespace Nabi.Compression.Tests.Quantization;

public class EqualizeLayersTests
{
    // The trained net with channels of the depthwise pair scaled apart: the same function, hard to quantize per tensor.
    private static Graph Unbalanced()
    {
        var graph = Passes.FoldBatchNormalization.Pass.Apply(TinyNet.Trained);
        var layers = graph.Nodes.Where(n => n.Op is Ops.Conv).ToArray();
        var (first, second) = (layers[^2], layers[^1]);
        Tensor weight = first.Inputs[1]!.Data!.Copy(), bias = first.Inputs[2]!.Data!.Copy(), next = second.Inputs[1]!.Data!.Copy();
        for (var c = 0; c < weight.Shape[0]; c++)
        {
            var factor = MathF.Pow(4, c % 4);
            foreach (ref var w in weight.Span<float>().Slice(c * 9, 9)) w *= factor;
            bias.Span<float>()[c] *= factor;
            for (var m = 0; m < next.Shape[0]; m++) next.Span<float>()[m * next.Shape[1] + c] /= factor;
        }
        return graph.WithParameters(new Dictionary<string, Tensor> { [first.Inputs[1]!.Name] = weight, [first.Inputs[2]!.Name] = bias, [second.Inputs[1]!.Name] = next });
    }

    private static Tensor Logits(Graph graph) => Training.Evaluator.Logits(graph, TinyNet.Data.Test.Take(40));

    [Fact]
    public void The_function_stays()
    {
        var (before, after) = (Logits(Unbalanced()).ToSingle(), Logits(new EqualizeLayers().Apply(Unbalanced(), TinyNet.Context)).ToSingle());
        for (var i = 0; i < before.Length; i++) Assert.Equal(before[i], after[i], 2e-3f);
    }

    [Fact]
    public void Per_tensor_quantization_recovers()
    {
        double Noise(Graph graph)
        {
            var sqnr = new Sqnr();
            sqnr.Add(Logits(graph).ToSingle(), Logits(new QuantizeInt8 { PerChannel = false, Observer = "min-max" }.Apply(graph, TinyNet.Context)).ToSingle());
            return sqnr.Decibels;
        }
        var (before, after) = (Noise(Unbalanced()), Noise(new EqualizeLayers().Apply(Unbalanced(), TinyNet.Context)));
        Assert.True(after > before + 3, $"{before} dB, then {after} dB");
    }
}
