using Nabi.Compression;
using Nabi.Compression.Quantization;
using Nabi.Ops;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Per-tensor quantization of a network of depthwise convolutions, and what brings it back without training.</summary>
internal sealed class MobilenetCollapse : Claim
{
    private static readonly TrainingOptions Training = new() { Epochs = 2, BatchSize = 128, LearningRate = 0.1 };

    public override string Name => "mobilenet-collapse";

    public override string Paper => "Nagel et al. 2019, Data-Free Quantization, tables 1 and 2";

    public override string Statement => "Per-tensor quantization of a MobileNet collapses; equalization and bias correction recover it.";

    public override void Run(ClaimRun run)
    {
        run.Say("MobileNet v1 at a quarter of its width on Fashion-MNIST, 2 epochs; 8-bit weights and activations, ranges from the extremes of 256 samples.");
        run.Say("");
        run.Say("The claim is shown twice: on the networks as trained, and with each depthwise channel scaled by a power of two of -3 to 3 and the layer after it by the inverse,");
        run.Say("which changes nothing in float. Two epochs do not give the badly scaled channels that long training on ImageNet gives.");
        foreach (var isRescaled in new[] { false, true })
        {
            run.Head(isRescaled ? "rescaled" : "as trained", "accuracy", "worst seed");
            foreach (var (what, quantize) in Ways)
            {
                var accuracies = run.Seeds.Select(seed =>
                {
                    var model = run.Trained("mobilenet-v1", "fashion-mnist", Training with { Seed = seed }, 0.25);
                    return run.Accuracy(quantize(isRescaled ? Rescaled(model, seed) : model, run.Context("fashion-mnist", seed)), "fashion-mnist");
                }).ToArray();
                run.Row(what, ClaimRun.Percent(accuracies), ClaimRun.Percent(accuracies.Min()));
            }
        }
    }

    private static readonly Quantize PerTensor = new() { PerChannel = false, Observer = "min-max", BiasCorrection = false };

    private static readonly (string What, Func<Graph, CompressionContext, Graph> Way)[] Ways =
    [
        ("float", (g, _) => g),
        ("per channel", (g, c) => (PerTensor with { PerChannel = true }).Apply(g, c)),
        ("per tensor", (g, c) => PerTensor.Apply(g, c)),
        ("per tensor, empirical bias correction", (g, c) => (PerTensor with { BiasCorrection = true }).Apply(g, c)),
        ("per tensor, equalization", (g, c) => PerTensor.Apply(new EqualizeLayers { AbsorbBiases = false }.Apply(g, c), c)),
        ("per tensor, equalization and absorption", (g, c) => PerTensor.Apply(new EqualizeLayers().Apply(g, c), c)),
        ("per tensor, equalization, absorption, analytic bias correction", (g, c) => (PerTensor with { BiasCorrection = true, AnalyticBias = true }).Apply(new EqualizeLayers().Apply(g, c), c)),
        ("per tensor, equalization, absorption, empirical bias correction", (g, c) => (PerTensor with { BiasCorrection = true }).Apply(new EqualizeLayers().Apply(g, c), c)),
    ];

    // The scale and shift of the normalization behind each depthwise convolution, against the inputs of the layer that follows it and a Relu.
    private static Graph Rescaled(Graph graph, ulong seed)
    {
        var (rng, tensors) = (new Rng(seed), new Dictionary<string, Tensor>(StringComparer.Ordinal));
        foreach (var norm in graph.Nodes.Where(n => n is { Op: BatchNormalization, Inputs: [{ Producer.Op: Conv { Group: > 1 } }, ..] }))
        {
            if (norm.Output.Users is not [{ Op: Relu } relu] || relu.Output.Users is not [{ Op: Conv { Group: 1 } } next]) continue;
            Tensor scale = norm.Inputs[1]!.Data!.Copy(), shift = norm.Inputs[2]!.Data!.Copy(), weight = next.Inputs[1]!.Data!.Copy();
            var inner = weight.Shape.CountOf(2, weight.Shape.Rank);
            for (var c = 0; c < scale.Count; c++)
            {
                var factor = MathF.ScaleB(1, rng.Next(7) - 3);
                scale.Span<float>()[c] *= factor;
                shift.Span<float>()[c] *= factor;
                for (var i = 0; i < weight.Count; i++)
                    if (i / inner % scale.Count == c) weight.Span<float>()[i] /= factor;
            }
            (tensors[norm.Inputs[1]!.Name], tensors[norm.Inputs[2]!.Name], tensors[next.Inputs[1]!.Name]) = (scale, shift, weight);
        }
        return graph.WithParameters(tensors);
    }
}
