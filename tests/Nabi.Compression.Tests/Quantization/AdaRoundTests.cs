using Nabi.Compression.Quantization;
using Nabi.Ops;

namespace Nabi.Compression.Tests.Quantization;

public class AdaRoundTests
{
    private static readonly AdaRound Quick = new() { WeightBits = 3, ActivationBits = 32, Samples = 128, Iterations = 300, Batch = 32 };

    // What the paper is about: the output is closer although the weights are not.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Learned_rounding_is_closer_to_the_network_than_the_nearest(bool perChannel)
    {
        var step = Quick with { PerChannel = perChannel };
        var learned = Noise(step.Apply(TinyNet.Trained, TinyNet.Context));
        var nearest = Noise(new Quantize { WeightBits = 3, ActivationBits = 32, PerChannel = perChannel, BiasCorrection = false }.Apply(TinyNet.Trained, TinyNet.Context));
        Assert.True(learned > nearest + 1, $"{nearest} dB to the nearest, {learned} dB learned");
    }

    [Fact]
    public void Every_weight_goes_up_or_down_and_some_not_to_the_nearest()
    {
        var quantized = Quick.Apply(TinyNet.Trained, TinyNet.Context);
        var folded = Passes.FoldBatchNormalization.Pass.Apply(TinyNet.Trained);
        var (count, farther) = (0, 0);
        foreach (var layer in folded.Nodes.Where(n => n.Op is Conv or Gemm))
        {
            var made = quantized.Nodes.First(n => n.Name == layer.Name).Inputs[1]!.Producer!;
            var (numbers, scales) = (made.Inputs[0]!.Data!.ToInt64(), made.Inputs[1]!.Data!.ToSingle());
            var weights = layer.Inputs[1]!.Data!.ToSingle();
            for (var i = 0; i < weights.Length; i++, count++)
            {
                var exact = Math.Clamp(weights[i] / scales[i / (weights.Length / scales.Length)], -4, 3);
                Assert.InRange(numbers[i] - exact, -1.001, 1.001);
                if (Math.Abs(numbers[i] - exact) > 0.501) farther++;
            }
        }
        Assert.InRange((double)farther / count, 0.01, 0.6);
    }

    [Fact]
    public void Equal_seeds_give_equal_bits()
    {
        var step = Quick with { Iterations = 20, ActivationBits = 8 };
        Graph first = step.Apply(TinyNet.Trained, TinyNet.Context), second = step.Apply(TinyNet.Trained, TinyNet.Context);
        foreach (var (a, b) in first.Parameters.Zip(second.Parameters)) Assert.Equal(a.Data!.Bytes.ToArray(), b.Data!.Bytes.ToArray());
        Assert.DoesNotContain(first.Nodes, n => n.Op is FakeQuantize);
    }

    [Fact]
    public void Settings_out_of_range_are_named()
    {
        Assert.Contains("weight-bits", new AdaRound { WeightBits = 16 }.Fault, StringComparison.Ordinal);
        Assert.Contains("iterations", new AdaRound { Iterations = 0 }.Fault, StringComparison.Ordinal);
        Assert.Null(new AdaRound().Fault);
    }

    private static double Noise(Graph graph)
    {
        var sqnr = new Sqnr();
        sqnr.Add(Training.Evaluator.Logits(TinyNet.Trained, TinyNet.Data.Test).ToSingle(), Training.Evaluator.Logits(graph, TinyNet.Data.Test).ToSingle());
        return sqnr.Decibels;
    }
}
