using Nabi.Compression.Pruning;
using Nabi.Compression.Quantization;
using Nabi.Compression.Quantization.Quantizers;
using Nabi.Ops;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Compression.Tests.Quantization;

public class TrainQuantizedTests
{
    private static CompressionContext Context => TinyNet.Context with { Teacher = TinyNet.Trained };

    public static TheoryData<string> Methods() => [.. Quantizer.Names];

    [Theory]
    [MemberData(nameof(Methods))]
    public void What_is_deployed_computes_what_was_trained_on_integers(string method)
    {
        var step = new TrainQuantized { Weights = method, Activations = method, Epochs = 3, Rate = 0.02, Samples = 64 };
        var trained = step.Train(TinyNet.Trained, Context);
        var deployed = TrainQuantized.Store(trained);
        Assert.DoesNotContain(deployed.Nodes, n => n.Op is FakeQuantize or StraightThrough or BatchNormalization);
        var layers = deployed.Nodes.Where(n => n.Op is Conv or Gemm).ToArray();
        Assert.All(layers, n => Assert.True(n.Inputs[0]!.Producer!.Op is DequantizeLinear && n.Inputs[1]!.Producer!.Inputs[0]!.Data!.DType.IsInteger()));
        var narrow = layers.Count(n => n.Inputs[1]!.Producer!.Inputs[0]!.Data!.DType == DType.Int4);
        Assert.Equal(method is "dorefa" or "pact" or "sawb" ? 0 : layers.Length - 2, narrow);   // odd numbers from -15 to 15 take 8 bits

        AssertClose(Scores(trained), Scores(deployed));
        AssertTrainsByKernels(trained);
        Assert.Equal(TinyNet.Accuracy(trained), TinyNet.Accuracy(deployed), 0.02);
        Assert.InRange(TinyNet.Accuracy(deployed), 0.6, 1);
    }

    [Theory]
    [InlineData("after")]
    [InlineData("before")]
    public void Two_bits_learn(string fold)
    {
        var notes = new CompressionNotes();
        var quantized = new TrainQuantized { WeightBits = 2, ActivationBits = 2, Epochs = 6, Rate = 0.02, Samples = 64, Fold = fold }
            .Apply(TinyNet.Trained, Context with { Notes = notes });
        Assert.InRange(TinyNet.Accuracy(quantized), TinyNet.Accuracy(TinyNet.Trained) - 0.15, 1);
        Assert.Contains(notes.Lines, l => l.Contains("2 bits", StringComparison.Ordinal));
        var integers = quantized.Nodes.First(n => n.Op is Conv { Group: 8 }).Inputs[1]!.Producer!.Inputs[0]!.Data!.ToInt64();
        Assert.InRange(integers.Distinct().Count(), 2, 5);   // -2 to 1, and for channels whose sign changed -1 to 2
    }

    /// <summary>Zhou et al. 2016, table 1: 6 bits are enough for gradients; what is deployed knows nothing of them.</summary>
    [Fact]
    public void Gradients_of_few_bits_train_too()
    {
        var step = new TrainQuantized { Weights = "dorefa", Activations = "dorefa", GradientBits = 6, Epochs = 3, Rate = 0.02, Samples = 64 };
        var trained = step.Train(TinyNet.Trained, Context);
        Assert.Equal(4, trained.Nodes.Count(n => n.Op is GradientRounding));   // all layers but the first and the last
        var deployed = TrainQuantized.Store(trained);
        Assert.DoesNotContain(deployed.Nodes, n => n.Op is GradientRounding or FakeQuantize);
        AssertClose(Scores(trained), Scores(deployed));
        Assert.InRange(TinyNet.Accuracy(deployed), TinyNet.Accuracy(TinyNet.Trained) - 0.2, 1);
        Assert.Contains("gradient-bits", new TrainQuantized { GradientBits = 17 }.Fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_negative_factor_of_a_normalization_turns_the_integers()
    {
        var flipped = TinyNet.Trained.Parameter("pw.scale")!.Data!.Copy();
        foreach (ref var v in flipped.Span<float>()[..8]) v = -v;
        var graph = TinyNet.Trained.WithParameters(new Dictionary<string, Tensor> { ["pw.scale"] = flipped });
        var trained = new TrainQuantized { Epochs = 1, Rate = 1e-6, Samples = 64, Alpha = 0, WeightBits = 2 }.Train(graph, Context);
        AssertClose(Scores(trained), Scores(TrainQuantized.Store(trained)));
    }

    [Fact]
    public void Pruned_weights_stay_zero()
    {
        var pruned = new PruneWeights { Sparsity = 0.5 }.Apply(TinyNet.Trained, Context);
        var quantized = new TrainQuantized { Epochs = 1, Samples = 64 }.Apply(pruned, Context);
        var before = pruned.Parameter("pw.w")!.Data!.ToSingle();
        var after = quantized.Nodes.Single(n => n.Name == pruned.Nodes.Single(p => p.Inputs.Any(v => v?.Name == "pw.w")).Name).Inputs[1]!.Producer!.Inputs[0]!.Data!.ToInt64();
        for (var i = 0; i < before.Length; i++) Assert.True(before[i] != 0 || after[i] == 0);
    }

    [Theory]
    [InlineData("magic", 4, 4, "after", "no quantizer 'magic'")]
    [InlineData("lsq", 1, 4, "after", "weight-bits")]
    [InlineData("sawb", 6, 4, "after", "2, 3, 4, 5, 8 with sawb")]
    [InlineData("lsq", 4, 9, "after", "activation-bits")]
    [InlineData("lsq", 4, 4, "never", "fold")]
    public void Impossible_settings_are_told(string weights, int bits, int activationBits, string fold, string expected) =>
        Assert.Contains(expected, new TrainQuantized { Weights = weights, WeightBits = bits, ActivationBits = activationBits, Fold = fold }.Fault, StringComparison.Ordinal);

    private static void AssertTrainsByKernels(Graph graph)
    {
        var step = TrainingStep.Build(graph, new TrainingOptions { BatchSize = 8 }).Graph;
        using var session = new Session(step, new SessionOptions { Threads = 1 });
        session.Run(step.Inputs.ToDictionary(i => i.Name, i => Tensor.Full<float>(i.Shape, 0.1f)));
        Assert.Empty(session.Plan!.ReferenceKernels);
    }

    private static float[] Scores(Graph graph)
    {
        var input = Tensor.Empty(DType.Float32, Shape.Create([32, .. TinyNet.Data.Test.SampleShape.Dims]));
        var rng = new Rng(3);
        foreach (ref var v in input.Span<float>()) v = (float)rng.NextGaussian();
        return ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["x"] = input })["scores"].ToSingle();
    }

    // A number next to the middle of two levels may fall on the other one, where normalization was folded: few scores may differ, and little.
    private static void AssertClose(float[] expected, float[] actual)
    {
        var largest = expected.Max(Math.Abs);
        var far = expected.Where((e, i) => Math.Abs(e - actual[i]) > 1e-3f * largest).Count();
        Assert.True(far * 10 <= expected.Length, $"{far} of {expected.Length} scores differ");
        Assert.All(expected.Zip(actual), p => Assert.True(Math.Abs(p.First - p.Second) <= 0.2f * largest));
    }
}
