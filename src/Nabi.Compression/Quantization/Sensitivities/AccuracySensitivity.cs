using Nabi.Training;

namespace Nabi.Compression.Quantization.Sensitivities;

/// <summary>
/// The rise of the cross entropy on labelled calibration samples when one layer alone has fewer bits: accuracy itself moves in steps too coarse to tell
/// layers apart. What does not rise does no damage.
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
            damage.Add([.. bits.Select(b => Math.Max(0, Loss(With(prepared, layer, b)) - before))]);
        }
        return damage;
    }
}
