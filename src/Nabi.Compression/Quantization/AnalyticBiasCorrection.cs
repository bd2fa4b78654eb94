using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Analytic bias correction (Nagel et al. 2019, Data-Free Quantization, section 4.2.1 and equation 17): rounding the weights W to W + e shifts a layer's
/// output by e E[x]; E[x] follows from batch normalization and the activation function before the layer, so that no data is needed. The shift is taken off
/// the bias. Padding is not looked at, as in the paper. Layers whose input's distribution is not known stay as they are.
/// </summary>
internal static class AnalyticBiasCorrection
{
    /// <summary>The graph with <see cref="FakeQuantize"/> of a preparation, its biases corrected, and how many were.</summary>
    /// <param name="prepared">The float graph and the one to correct.</param>
    /// <param name="known">What batch normalization told before it was folded.</param>
    public static (Graph Graph, int Corrected) Apply(QuantizationPreparation prepared, ActivationStatistics known)
    {
        var statistics = known.Through(prepared.Folded);
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (layer, bias, _, _) in prepared.Biases)
        {
            if (tensors.ContainsKey(bias.Name) || statistics[layer.Inputs[0]!.Name] is not { } input) continue;
            var axes = WeightAxes.Of(layer)!.Value;
            var weight = layer.Inputs[axes.Input]!;
            var groups = layer.Op is Conv conv ? conv.Group : 1;
            if (input.Mean.Length != weight.Shape[axes.InputAxis] * groups || bias.Shape[0] != weight.Shape[axes.OutputAxis]) continue;
            var (exact, rounded) = (weight.Data!.ToSingle(), prepared.RoundedWeight(layer).ToSingle());
            var (perOutput, perInput) = (weight.Shape.CountOf(axes.OutputAxis + 1, weight.Shape.Rank), weight.Shape.CountOf(axes.InputAxis + 1, weight.Shape.Rank));
            var (outputs, inputs) = (weight.Shape[axes.OutputAxis], weight.Shape[axes.InputAxis]);
            var shift = new double[outputs];
            for (var i = 0; i < exact.Length; i++)
            {
                var output = i / perOutput % outputs;
                var channel = i / perInput % inputs + output / (outputs / groups) * inputs;
                shift[output] += ((double)rounded[i] - exact[i]) * input.Mean[channel];
            }
            var tensor = bias.Data!.Copy();
            for (var c = 0; c < outputs; c++) tensor.Span<float>()[c] -= (float)shift[c];
            tensors[bias.Name] = tensor;
        }
        return (prepared.Fake.WithParameters(tensors), tensors.Count);
    }
}
