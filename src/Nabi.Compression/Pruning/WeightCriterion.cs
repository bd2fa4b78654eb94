namespace Nabi.Compression.Pruning;

/// <summary>
/// Says how much each single weight of a layer matters. A criterion is a sealed record with a parameterless constructor in one file; recipes
/// find it by its name.
/// </summary>
public abstract record WeightCriterion
{
    /// <summary>The name in recipes: the type's name in lower case with hyphens.</summary>
    public string Name => Named.KebabCase(GetType().Name);

    /// <summary>Does it need gradients of the loss? Then it is asked once per calibration batch and the scores are averaged.</summary>
    public virtual bool NeedsGradients => false;

    /// <summary>Does it need the diagonal of the loss' Hessian, measured on all calibration batches?</summary>
    public virtual bool NeedsCurvature => false;

    /// <summary>
    /// One score per weight, 0 or larger, larger where the weight matters more; positive infinity keeps a weight. Weights that are zero already
    /// need no care: they stay zero and count as pruned, whatever their score.
    /// </summary>
    public abstract float[] Score(WeightView layer);
}
