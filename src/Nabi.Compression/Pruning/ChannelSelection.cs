namespace Nabi.Compression.Pruning;

/// <summary>What pruning must leave in every group.</summary>
public sealed record ChannelLimits
{
    /// <summary>The largest part of a group's channels that may go, 0 to 1. Default 0.9.</summary>
    public double MaxRatio { get; init; } = 0.9;

    /// <summary>The fewest channels left in a group. Default 2.</summary>
    public int MinChannels { get; init; } = 2;

    /// <summary>Channels left are a multiple of this where the group has as many; kernels like 4 or 8. Default 1.</summary>
    public int Multiple { get; init; } = 1;

    /// <summary>How many of <paramref name="count"/> channels may go when <paramref name="wanted"/> should.</summary>
    public int Allow(int count, int wanted)
    {
        var kept = Math.Max(count - wanted, Math.Max(Math.Max(1, MinChannels), (int)Math.Ceiling(count * (1 - MaxRatio) - 1e-9)));
        kept = (kept + Multiple - 1) / Multiple * Multiple;
        return Math.Max(0, count - kept);
    }
}

/// <summary>Which channels go, given their scores: lowest first.</summary>
public sealed class ChannelSelection
{
    private readonly ChannelGroups _groups;
    private readonly ChannelLimits _limits;
    private readonly int[][] _order;
    private readonly float[] _ranked;
    private readonly float[][] _scores;

    /// <summary>Prepares a selection.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="scores">Per group one score per channel, larger matters more.</param>
    /// <param name="areComparable">May scores of different groups be compared as they are? Otherwise each group's are divided by their
    /// mean.</param>
    /// <param name="limits">What must be left.</param>
    /// <exception cref="NabiException">A score is not a number.</exception>
    public ChannelSelection(ChannelGroups groups, IReadOnlyList<float[]> scores, bool areComparable, ChannelLimits limits)
    {
        (_groups, _limits) = (groups, limits);
        _scores = new float[groups.Count][];
        _order = new int[groups.Count][];
        for (var g = 0; g < groups.Count; g++)
        {
            if (scores[g].Any(float.IsNaN)) throw new NabiException($"The weights of channel group '{groups[g].Name}' give scores that are not numbers; the model holds NaN or infinite weights.");
            var mean = scores[g].Average();
            _scores[g] = areComparable || mean is 0 || !float.IsFinite(mean) ? scores[g] : Array.ConvertAll(scores[g], s => s / mean);
            _order[g] = [.. Enumerable.Range(0, scores[g].Length).OrderBy(c => _scores[g][c])];
        }
        _ranked = [.. _scores.SelectMany(s => s).Where(float.IsFinite).Order()];
    }

    /// <summary>The lowest part of every group.</summary>
    /// <param name="ratio">Part removed, 0 to 1.</param>
    public IReadOnlyDictionary<int, IReadOnlyCollection<int>> PerGroup(double ratio) =>
        Select(g => (int)Math.Round(ratio * _scores[g].Count(float.IsFinite)));

    /// <summary>The lowest part of all channels ranked together.</summary>
    /// <param name="ratio">Part removed, 0 to 1.</param>
    public IReadOnlyDictionary<int, IReadOnlyCollection<int>> Global(double ratio)
    {
        var count = (int)Math.Round(ratio * _ranked.Length);
        if (count == 0) return Select(_ => 0);
        var threshold = _ranked[count - 1];
        return Select(g => _scores[g].Count(s => s <= threshold));
    }

    /// <summary>
    /// The mildest selection whose graph needs at most this part of the multiply-accumulates, by bisection on the ratio. The strongest
    /// the limits allow when none does.
    /// </summary>
    /// <param name="keep">Part of the MACs left, 0 to 1.</param>
    /// <param name="perGroup">Equal ratios in every group, rather than ranking all together?</param>
    public IReadOnlyDictionary<int, IReadOnlyCollection<int>> ForMacs(double keep, bool perGroup)
    {
        var target = keep * Macs(_groups.Graph);
        var (low, high) = (0.0, 1.0);
        for (var i = 0; i < 14 && high - low > 0.5 / Math.Max(1, _ranked.Length); i++)
        {
            var middle = (low + high) / 2;
            if (Macs(_groups.Prune(At(middle))) <= target) high = middle;
            else low = middle;
        }
        return At(high);

        IReadOnlyDictionary<int, IReadOnlyCollection<int>> At(double ratio) => perGroup ? PerGroup(ratio) : Global(ratio);
    }

    /// <summary>Multiply-accumulates of one sample.</summary>
    public static long Macs(Graph graph) => graph.WithBatch(1).Cost.Macs;

    private Dictionary<int, IReadOnlyCollection<int>> Select(Func<int, int> wanted)
    {
        var removed = new Dictionary<int, IReadOnlyCollection<int>>();
        for (var g = 0; g < _order.Length; g++)
        {
            var finite = _scores[g].Count(float.IsFinite);
            var count = _limits.Allow(_order[g].Length, Math.Min(finite, wanted(g)));
            if (count > 0) removed[g] = _order[g][..count];
        }
        return removed;
    }
}
