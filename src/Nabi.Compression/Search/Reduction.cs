using Nabi.Compression.Factorization;
using Nabi.Compression.Pruning;

namespace Nabi.Compression.Search;

/// <summary>A way to make a network do less: fewer channels by a criterion, or lower ranks by a factorization.</summary>
/// <param name="Method">The criterion or the factorization.</param>
/// <param name="IsRanks">Is it a factorization?</param>
internal sealed record Reduction(string Method, bool IsRanks = false)
{
    /// <summary>Can what it made be reduced again? Factors are not factorized, so that lower ranks begin with the original.</summary>
    public bool IsRepeatable => !IsRanks;

    /// <summary>The name of a candidate.</summary>
    /// <param name="keep">Part of the original's multiply-accumulates.</param>
    public string Name(double keep) => $"{(IsRanks ? "rank" : "keep")}{keep * 100:0}";

    /// <summary>The step that leaves a part of the multiply-accumulates.</summary>
    /// <param name="keep">Part of those of the network it is applied to.</param>
    /// <param name="multiple">Channels are a multiple of this where possible.</param>
    public CompressionStep Step(double keep, int multiple) => IsRanks
        ? new Factorize { Method = Method, KeepMacs = Math.Clamp(keep, 0.01, 1) }
        : new PruneChannels { Criterion = Method, KeepMacs = Math.Clamp(keep, 0.01, 1), Multiple = multiple, MaxRatio = 0.9 };
}
