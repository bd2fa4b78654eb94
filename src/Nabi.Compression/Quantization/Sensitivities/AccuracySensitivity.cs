using Nabi.Training;

namespace Nabi.Compression.Quantization.Sensitivities;

/// <summary>
/// The rise of the cross entropy on labelled calibration samples when one layer alone has fewer bits: accuracy itself moves in steps too coarse to tell
/// layers apart. What does not rise above all layers at the most bits, or above the loss with this layer in float, does no damage.
/// </summary>
internal sealed class AccuracySensitivity : LayerSensitivity
{
    /// <inheritdoc/>
    public override IReadOnlyList<double[]> Damage(QuantizationPreparation prepared, IReadOnlyList<int> bits, int samples, CompressionContext context)
    {
        var data = CalibrationBatches.Of(prepared.Folded, context, samples).Data;
        var options = new EvaluationOptions { Session = new() { Threads = context.Threads } };
        double Loss(Graph graph) => Evaluator.Evaluate(graph, data, options, cancellation: context.Cancellation).Loss;
        var before = Loss(prepared.Fake);
        var damage = new List<double[]>();
        foreach (var layer in prepared.Layers)
        {
            context.Report($"measuring {layer.Name}", (double)damage.Count / prepared.Layers.Count);
            double[] losses = [.. bits.Select(b => Loss(With(prepared, layer, b, context)))];
            // With a layer in float the loss falls below that of the whole in integers.
            var floor = Math.Min(before, bits.Contains(Quantize.FloatBits) ? losses[bits.ToList().IndexOf(Quantize.FloatBits)] : before);
            damage.Add(Array.ConvertAll(losses, loss => Math.Max(0, loss - floor)));
        }
        return damage;
    }
}
