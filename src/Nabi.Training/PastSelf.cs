using System.Numerics.Tensors;
using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>
/// Learning from one's own past: Kim et al. 2021, "Self-Knowledge Distillation with Progressive Refinement of Targets" (PS-KD), equations 3 to 5: in epoch t of
/// T the target of a sample is (1 - alpha_t) y + alpha_t p, with p the network's probabilities for it one epoch ago and alpha_t = Alpha t / T.
/// </summary>
/// <param name="Alpha">alpha_T, the share of the past in the last epoch, 0 to 1. Default 0.8.</param>
/// <remarks>As in the authors' code, p is what the network said when it last learned from the sample, so that nothing is run twice. In its first epoch a sample has only its label.</remarks>
public sealed record PastSelf(double Alpha = 0.8)
{
    /// <summary>alpha_t.</summary>
    /// <param name="epoch">The epoch, from 0.</param>
    /// <param name="epochs">Epochs in all.</param>
    public double AlphaAt(int epoch, int epochs) => Alpha * (epoch + 1) / Math.Max(1, epochs);
}

/// <summary>What a network last said of every sample.</summary>
internal sealed class PastPredictions(int samples, int classes)
{
    /// <summary>Probabilities [samples, classes]; a row of zeros where nothing was said yet.</summary>
    public Tensor Probabilities { get; } = Tensor.Zeros(DType.Float32, [samples, classes]);

    /// <summary>Mixes the past into a batch's targets.</summary>
    public void Soften(Batch batch, double alpha)
    {
        var targets = batch.Targets.Span<float>();
        for (var i = 0; i < batch.Indices.Length; i++)
        {
            var past = Row(batch.Indices[i]);
            var target = targets.Slice(i * classes, classes);
            if (TensorPrimitives.Sum<float>(past) == 0) continue;
            for (var c = 0; c < classes; c++) target[c] = (float)((1 - alpha) * target[c] + alpha * past[c]);
        }
    }

    /// <summary>Keeps what the network says now.</summary>
    public void Keep(Batch batch, ReadOnlySpan<float> logits)
    {
        for (var i = 0; i < batch.Count; i++) TensorPrimitives.SoftMax(logits.Slice(i * classes, classes), Row(batch.Indices[i]));
    }

    private Span<float> Row(int sample) => Probabilities.Span<float>().Slice(sample * classes, classes);
}
