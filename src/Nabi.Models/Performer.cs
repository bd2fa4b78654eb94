namespace Nabi.Models;

/// <summary>
/// Performer (Choromanski et al. 2021): the softmax kernel is estimated without bias by positive orthogonal random features, so that attention costs O(n m d).
/// Shown as a classifier of image patches with the widths of DeiT-Ti, 2 d features in each head. Uses width, depth, input and classes.
/// </summary>
public sealed class Performer : ModelFamily
{
    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("performer", "Choromanski et al. 2021, Rethinking Attention with Performers, section 2, with the widths of DeiT-Ti (Touvron et al. 2021, table 1)", [3, 224, 224], 1000,
            "softmax kernel by positive random features", Build),
    ];

    private static Graph Build(ModelOptions options) =>
        PatchClassifier.Build("performer", options, (x, heads) => new FavorAttention { Features = 2 * x.Width / heads }.Attend);
}
