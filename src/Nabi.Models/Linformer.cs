namespace Nabi.Models;

/// <summary>
/// Linformer (Wang et al. 2020): keys and values of n tokens are projected to k along the sequence, so that attention costs O(n k). Shown as a classifier of
/// image patches with the widths of DeiT-Ti; k is 64 and one projection serves all layers. Uses width, depth, input and classes.
/// </summary>
public sealed class Linformer : ModelFamily
{
    private const int ProjectedTokens = 64;

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("linformer", "Wang, Li, Khabsa, Fang, Ma 2020, Linformer, section 4, eq. 7, with the widths of DeiT-Ti (Touvron et al. 2021, table 1)", [3, 224, 224], 1000,
            "keys and values projected along the sequence", Build),
    ];

    private static Graph Build(ModelOptions options) =>
        PatchClassifier.Build("linformer", options, (x, _) => new LinformerAttention { ProjectedTokens = Math.Min(ProjectedTokens, x.Tokens) }.Attend);
}
