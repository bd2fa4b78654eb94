namespace Nabi.Compression.Pruning;

/// <summary>
/// Says how much each channel of a dependency group matters. A criterion is a sealed record with a parameterless constructor in
/// one file; recipes find it by its name.
/// </summary>
public abstract record ChannelCriterion
{
    /// <summary>The name in recipes: the type's name in lower case with hyphens.</summary>
    public string Name => Named.KebabCase(GetType().Name);

    /// <summary>Does it need gradients of the loss? Then it is asked once per calibration batch and the scores are averaged.</summary>
    public virtual bool NeedsGradients => false;

    /// <summary>Of a criterion that needs gradients: must they be those of single samples, so that a batch is one sample? Default false.</summary>
    public virtual bool IsPerSample => false;

    /// <summary>
    /// Can scores of different groups be compared as they are? When not, each group's scores are divided by their mean before
    /// channels of the whole network are ranked together.
    /// </summary>
    public virtual bool IsComparable => false;

    /// <summary>One score per channel, larger where the channel matters more; positive infinity keeps a channel.</summary>
    public abstract float[] Score(ChannelGroupView group);
}
