using Nabi.Compression.Quantization;
using Nabi.Models;
using Nabi.Ops;
using Nabi.Training;

namespace Nabi.Compression.Tests.Quantization;

public class SmoothActivationsTests
{
    // A transformer of the zoo, whose normalizations are given the outliers that large transformers have.
    private static readonly Graph Outlying = WithOutliers(Zoo.Find("deit-tiny").Create(new ModelOptions
    {
        Seed = 3, Width = 0.34, Depth = 0.17, Classes = 4, Input = TinyNet.Data.Train.SampleShape,
    }));

    private static float[] Logits(Graph graph) => Evaluator.Logits(graph, TinyNet.Data.Test.Take(64)).ToSingle();

    [Fact]
    public void The_function_stays()
    {
        var context = TinyNet.Context;
        var (before, after) = (Logits(Outlying), Logits(new SmoothActivations { Samples = 64 }.Apply(Outlying, context)));
        for (var i = 0; i < before.Length; i++) Assert.Equal(before[i], after[i], 2e-3f);
        Assert.DoesNotContain(context.Notes.Lines, l => l.Contains(": 0 activations", StringComparison.Ordinal));
    }

    [Fact]
    public void Outliers_no_longer_take_the_range()
    {
        var quantize = new Quantize { Observer = "min-max", Samples = 64, BiasCorrection = false };
        double Noise(Graph graph)
        {
            var sqnr = new Sqnr();
            sqnr.Add(Logits(Outlying), Logits(quantize.Apply(graph, TinyNet.Context)));
            return sqnr.Decibels;
        }
        var (before, after) = (Noise(Outlying), Noise(new SmoothActivations { Samples = 64 }.Apply(Outlying, TinyNet.Context)));
        Assert.True(after > before + 3, $"{before} dB, then {after} dB");
    }

    [Fact]
    public void Convolutions_pass_the_scale_through_a_relu()
    {
        var context = TinyNet.Context;
        var (before, after) = (Logits(TinyNet.Trained), Logits(new SmoothActivations().Apply(TinyNet.Trained, context)));
        for (var i = 0; i < before.Length; i++) Assert.Equal(before[i], after[i], 2e-3f);
        Assert.Contains("smooth-activations: 2 activations were scaled by channel.", context.Notes.Lines);
    }

    private static Graph WithOutliers(Graph graph)
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var norm in graph.Nodes.Where(n => n.Op is LayerNormalization))
        {
            var scale = norm.Inputs[1]!.Data!.Copy();
            for (var c = 0; c < scale.Count; c += 16) scale.Span<float>()[c] *= 60;
            tensors[norm.Inputs[1]!.Name] = scale;
            foreach (var reader in norm.Output.Users)
            {
                if (WeightAxes.Of(reader) is not { } axes || tensors.ContainsKey(reader.Inputs[axes.Input]!.Name)) continue;
                var weight = reader.Inputs[axes.Input]!.Data!.Copy();
                var inner = weight.Shape.CountOf(axes.InputAxis + 1, weight.Shape.Rank);
                for (var i = 0; i < weight.Count; i++)
                    if (i / inner % weight.Shape[axes.InputAxis] % 16 == 0) weight.Span<float>()[i] /= 60;
                tensors[reader.Inputs[axes.Input]!.Name] = weight;
            }
        }
        return graph.WithParameters(tensors);
    }
}
