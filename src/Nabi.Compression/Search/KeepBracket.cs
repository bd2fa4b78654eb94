namespace Nabi.Compression.Search;

/// <summary>Which part of the multiply-accumulates to try next: between the least that was good and the most that was not.</summary>
internal sealed class KeepBracket
{
    // Closer than this, another candidate is not worth its training.
    private const double Closest = 1.15;

    // One candidate is at most this much smaller than the one it is made from.
    private const double LargestStep = 2.5;

    /// <summary>The least that was good; 1 before there was one.</summary>
    public double Good { get; private set; } = 1;

    /// <summary>The most that was not good; 0 before there was one.</summary>
    public double Bad { get; private set; }

    /// <summary>Takes note of a result.</summary>
    public void Add(double keep, bool isGood)
    {
        if (isGood) Good = Math.Min(Good, keep);
        else Bad = Math.Max(Bad, keep);
        // A stronger candidate may do better than a milder one did: what is good counts.
        if (Bad >= Good) Bad = 0;
    }

    /// <summary>What to try next, in hundredths; null when the bracket is closed.</summary>
    /// <param name="proposal">What seems to be within reach, in (0, 1); used until something was not good.</param>
    /// <param name="least">Nothing below this is tried.</param>
    public double? Next(double proposal, double least)
    {
        var keep = Math.Round(Bad > 0 ? Math.Sqrt(Good * Bad) : Math.Max(Math.Min(proposal, Good / Closest), Good / LargestStep), 2);
        if (Bad > 0 && Good / Bad < Closest * Closest) return null;
        return keep < least - 1e-9 || keep >= Good ? null : keep;
    }
}
