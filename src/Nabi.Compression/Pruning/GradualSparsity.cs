using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Sparsity that rises along a cubic while a training goes on (Zhu and Gupta 2017, To prune, or not to prune, equation 1): after round k of n it is
/// s + (s0 - s)(1 - k/n)^3. Rounds are equally far apart from the start of the training to a part of it, so that what is left has a time to settle.
/// </summary>
/// <param name="Layers">The weights.</param>
/// <param name="Start">s0, the part that is zero before.</param>
/// <param name="End">s, the part that is zero in the end.</param>
/// <param name="Rounds">n.</param>
/// <param name="Ramp">Part of the training's steps over which it rises, above 0 to 1.</param>
/// <param name="Criterion">Name of a criterion that needs no data.</param>
/// <param name="Pattern">free or block-RxC.</param>
/// <param name="Scope">Against which others a weight is ranked.</param>
/// <param name="Seed">Seed of criteria that want chance.</param>
internal sealed record GradualSparsity(ValueArray<WeightLayer> Layers, double Start, double End, int Rounds, double Ramp, string Criterion, string Pattern,
    string Scope, ulong Seed) : PruningSchedule
{
    /// <summary>The sparsity after round <paramref name="round"/> of <paramref name="rounds"/>.</summary>
    public static double SparsityAt(double start, double end, int round, int rounds) => end + (start - end) * Math.Pow(1 - (double)round / rounds, 3);

    /// <inheritdoc/>
    public override bool IsPruned(string parameter)
    {
        foreach (var layer in Layers.Span)
            if (layer.Name == parameter) return true;
        return false;
    }

    /// <inheritdoc/>
    public override int StageAt(double progress) => Math.Min(Rounds, (int)(progress / Ramp * Rounds + 1e-9));

    /// <inheritdoc/>
    public override void Prune(IReadOnlyDictionary<string, Tensor> weights, double progress)
    {
        if (StageAt(progress) is var stage && stage == 0) return;
        var scored = WeightScores.Of(Layers, weights, Named<WeightCriterion>.Create(Criterion, "criterion"), new Rng(Seed).Fork((ulong)stage));
        WeightPattern.Parse(Pattern)!.Prune(scored, SparsityAt(Start, End, stage, Rounds), Scope);
    }
}
