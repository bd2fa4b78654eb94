using Nabi.Compression.Quantization;
using Nabi.Ops;

namespace Nabi.Compression.Tests.Quantization;

public class AnalyticBiasCorrectionTests
{
    [Theory]
    [InlineData(0.5, 2, 0, double.PositiveInfinity)]
    [InlineData(-1, 1, 0, 6)]
    [InlineData(4, 3, 0, 6)]
    [InlineData(0.2, 1, double.NegativeInfinity, double.PositiveInfinity)]
    [InlineData(2, 0, 0, 1)]
    public void A_clipped_normal_has_the_moments_of_its_samples(double mean, double deviation, double low, double high)
    {
        var rng = new Rng(5);
        var samples = Enumerable.Range(0, 400_000).Select(_ => Math.Clamp(mean + deviation * rng.NextGaussian(), low, high)).ToArray();
        var average = samples.Average();
        var (first, second) = ActivationStatistics.Clipped(mean, deviation, low, high);
        Assert.Equal(average, first, 0.02);
        Assert.Equal(Math.Sqrt(samples.Average(s => (s - average) * (s - average))), second, 0.02);
    }

    // Inputs distributed as normalization says: rounding to 3 bits shifts each output, the correction takes the shift away.
    [Theory]
    [InlineData(1)]
    [InlineData(12)]
    public void The_shift_of_rounded_weights_goes(int groups)
    {
        var (graph, rng) = (Normalized(groups), new Rng(9));
        var known = ActivationStatistics.Of(graph);
        var prepared = QuantizationPreparation.Of(graph, new() { Weights = new() { Bits = 3, PerChannel = false }, Activations = null }, TinyNet.Context);
        var (corrected, count) = AnalyticBiasCorrection.Apply(prepared, known);
        Assert.Equal(1, count);
        var x = Tensor.Empty(DType.Float32, [4000, 12, 1, 1]);
        foreach (ref var v in x.Span<float>()) v = (float)rng.NextGaussian();
        var exact = Means(prepared.Folded, x);
        var (before, after) = (Means(prepared.Fake, x), Means(corrected, x));
        var (shift, left) = (exact.Zip(before, (a, b) => Math.Abs(a - b)).Sum(), exact.Zip(after, (a, b) => Math.Abs(a - b)).Sum());
        Assert.True(left < shift / 5, $"{shift}, then {left}");
    }

    [Fact]
    public void Statistics_outlive_folding_and_leave_with_quantization()
    {
        var equalized = new EqualizeLayers().Apply(TinyNet.Trained, TinyNet.Context);
        Assert.DoesNotContain(equalized.Nodes, n => n.Op is BatchNormalization);
        var context = TinyNet.Context;
        var quantized = new Quantize { PerChannel = false, AnalyticBias = true }.Apply(equalized, context);
        Assert.Contains(context.Notes.Lines, l => l.StartsWith("quantize: 3 of 6 biases", StringComparison.Ordinal));
        Assert.DoesNotContain(quantized.Metadata.Keys, k => k.StartsWith(MetadataKeys.Activations, StringComparison.Ordinal));
        Assert.InRange(TinyNet.Accuracy(quantized), TinyNet.Accuracy(TinyNet.Trained) - 0.1, 1);
    }

    // A channel whose normalization shifts it far above zero: its bias moves on, the function stays.
    [Fact]
    public void High_biases_are_absorbed()
    {
        var graph = Normalized(1);
        var context = TinyNet.Context;
        graph.Parameter("shift")!.Data!.Span<float>()[3] = 9;
        var (plain, absorbed) = (new EqualizeLayers { AbsorbBiases = false }.Apply(graph, context), new EqualizeLayers().Apply(graph, context));
        Assert.Contains(context.Notes.Lines, l => l.Contains("absorbed the biases", StringComparison.Ordinal));
        float Bias(Graph g) => g.Nodes.First(n => n.Op is Conv).Inputs[2]!.Data!.Span<float>()[3];
        Assert.True(Bias(absorbed) < Bias(plain) / 2);
        var x = Tensor.Empty(DType.Float32, [8, 12, 1, 1]);
        var rng = new Rng(2);
        foreach (ref var v in x.Span<float>()) v = Math.Clamp((float)rng.NextGaussian(), -2.5f, 2.5f);
        var (expected, actual) = (ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["x"] = x })["y"].ToSingle(), ReferenceEvaluator.Run(absorbed, new Dictionary<string, Tensor> { ["x"] = x })["y"].ToSingle());
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-3f);
    }

    private static double[] Means(Graph graph, Tensor x)
    {
        var y = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["x"] = x })["y"];
        return [.. Enumerable.Range(0, y.Shape[1]).Select(c => Enumerable.Range(0, y.Shape[0]).Average(n => (double)y.Span<float>()[n * y.Shape[1] + c]))];
    }

    // A depthwise 1 x 1 convolution with normalization and Relu, and a convolution after it.
    private static Graph Normalized(int groups)
    {
        var (b, rng) = (new GraphBuilder("normalized"), new Rng(4));
        Tensor Gaussian(params int[] dims)
        {
            var data = Tensor.Empty(DType.Float32, Shape.Create(dims));
            foreach (ref var w in data.Span<float>()) w = (float)rng.NextGaussian();
            return data;
        }
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 12, 1, 1]);
        var normal = b.BatchNorm(b.Conv(x, b.Parameter("ones", Tensor.Full<float>([12, 1, 1, 1], 1)), null, group: 12), b.Parameter("gain", Gaussian(12)), b.Parameter("shift", Gaussian(12)),
            b.Constant(Tensor.Zeros(DType.Float32, [12])), b.Constant(Tensor.Full<float>([12], 1)));
        b.Output("y", b.Conv(b.Relu(normal), b.Parameter("w", Gaussian(12, 12 / groups, 1, 1)), b.Parameter("b", Gaussian(12)), group: groups));
        return b.Build();
    }
}
