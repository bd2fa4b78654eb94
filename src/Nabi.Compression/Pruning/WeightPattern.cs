using System.Globalization;

namespace Nabi.Compression.Pruning;

/// <summary>Which weights may be zero: any, whole blocks, or so many of so many.</summary>
internal abstract record WeightPattern
{
    private const int MaxBlock = 256;
    private const int MaxM = 64;

    /// <summary>What patterns there are, for messages.</summary>
    public const string Allowed = "free, N:M with N below M such as 2:4, or block-RxC such as block-4x4";

    /// <summary>Reads <c>free</c>, <c>2:4</c> or <c>block-4x4</c>; null when it is none of them.</summary>
    public static WeightPattern? Parse(string text) =>
        text == "free" ? new BlockPattern(1, 1)
        : text.StartsWith("block-", StringComparison.Ordinal) && Pair(text["block-".Length..], 'x') is (>= 1 and <= MaxBlock, >= 1 and <= MaxBlock) block ? new BlockPattern(block.A, block.B)
        : Pair(text, ':') is (>= 1, <= MaxM) of && of.A < of.B ? new NToMPattern(of.A, of.B)
        : null;

    /// <summary>Does the pattern fit this weight? Others are left as they are.</summary>
    public abstract bool Fits(WeightAxes axes, Shape shape);

    /// <summary>Sets the weights that matter least to zero, in place. Weights that are zero stay so and are counted.</summary>
    /// <param name="layers">Weights that fit.</param>
    /// <param name="sparsity">Part of them to be zero afterwards, 0 to 1; means nothing to N:M.</param>
    /// <param name="scope"><see cref="WeightScope"/>.</param>
    public abstract void Prune(IReadOnlyList<ScoredWeight> layers, double sparsity, string scope);

    private static (int A, int B)? Pair(string text, char separator) => text.Split(separator) is [var a, var b]
        && int.TryParse(a, NumberStyles.None, CultureInfo.InvariantCulture, out var x) && int.TryParse(b, NumberStyles.None, CultureInfo.InvariantCulture, out var y) ? (x, y) : null;
}
