namespace Nabi.Training;

/// <summary>Nothing is asked of the scores: only <see cref="TrainingOptions.Guidance"/> teaches, as in the first stage of FitNets (Romero et al. 2015, algorithm 1).</summary>
public sealed record GuidanceAlone : Loss
{
    /// <inheritdoc/>
    public override Value Build(GraphBuilder builder, Value logits, Value targets) => builder.Scalar(0, logits);
}
