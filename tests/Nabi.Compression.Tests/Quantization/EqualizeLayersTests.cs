using Nabi.Compression.Quantization;

namespace Nabi.Compression.Tests.Quantization;

public class EqualizeLayersTests
{
    private static Graph Unbalanced() => TinyNet.Unbalanced(c => MathF.Pow(4, c % 4));

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
