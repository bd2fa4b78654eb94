using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// -sum of target x log softmax(logits), the mean over the batch. With label smoothing e the targets become (1 - e) target + e / classes (Szegedy et al.
/// 2016, section 7).
/// </summary>
/// <param name="LabelSmoothing">Share spread evenly over the classes, in [0, 1). Default 0.</param>
public sealed record CrossEntropy(double LabelSmoothing = 0) : Loss
{
    /// <inheritdoc/>
    public override Value Build(GraphBuilder builder, Value logits, Value targets)
    {
        var logarithms = builder.Apply(new LogSoftmax(), logits);
        return builder.Neg(MeanOverBatch(builder, builder.Mul(Smooth(builder, targets), logarithms)));
    }

    /// <summary>The smoothed targets; every row still sums to 1.</summary>
    internal Value Smooth(GraphBuilder builder, Value targets)
    {
        if (LabelSmoothing is not (>= 0 and < 1)) throw new NabiException($"Label smoothing of {LabelSmoothing} is not possible; use 0 to below 1.");
        return LabelSmoothing == 0 ? targets
            : builder.Add(builder.Mul(targets, builder.Scalar(1 - LabelSmoothing, targets)), builder.Scalar(LabelSmoothing / targets.Shape[1], targets));
    }
}
