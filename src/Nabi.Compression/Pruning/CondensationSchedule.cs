using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Condensation in stages (Huang et al. 2018, CondenseNet, section 3.3): the first half of a training has C - 1 condensing stages of equal length,
/// and at the end of each every group drops the 1/C of its features whose weights are smallest; the second half trains what is left.
/// </summary>
/// <param name="Layers">The layers that learn their groups.</param>
public sealed record CondensationSchedule(ValueArray<LearnedGroups> Layers) : PruningSchedule
{
    /// <inheritdoc/>
    public override bool IsPruned(string parameter) => Find(parameter) is not null;

    /// <inheritdoc/>
    public override int StageAt(double progress)
    {
        // Layers of different factors drop at different times: any of them makes a new stage.
        var stages = 0;
        foreach (var layer in Layers.Span) stages += layer.StageAt(progress);
        return stages;
    }

    /// <inheritdoc/>
    public override void Prune(IReadOnlyDictionary<string, Tensor> weights, double progress)
    {
        foreach (var layer in Layers.Span) layer.Prune(weights[layer.Split.Weight], layer.StageAt(progress));
    }

    private LearnedGroups? Find(string parameter)
    {
        foreach (var layer in Layers.Span)
            if (layer.Split.Weight == parameter) return layer;
        return null;
    }
}
