using Nabi.Training;

namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>
/// Statistics-aware weight binning (Choi et al. 2019, "Accurate and Efficient 2-bit Quantized Neural Networks", section 3, which with PACT is PACT-SAWB). The
/// scale a of a tensor's 2^k levels, evenly spaced from -a to a, comes from two statistics of the weights at the moment, a = c1 sqrt(E(w^2)) + c2 E|w|: the first
/// tells how large weights are, the ratio of both what shape their distribution has. c1 and c2 are the regression of the a of least squared error
/// over distributions of several shapes, one pair for each number of bits. The gradient passes straight through. Activations are those of <see cref="Pact"/>.
/// </summary>
/// <remarks>
/// The coefficients are those of the authors' published code (IBM, fms-model-optimizer), which has them for 2, 3, 4, 5 and 8 bits and no others; that for 8
/// bits presumes bell-shaped distributions, and clips an even one at 0.82 of its largest weight. Weights of nearly one magnitude lie outside
/// the distributions they were fitted to; there a falls below E|w|, which is then taken. As with <see cref="Dorefa"/> the levels are odd multiples of a / (2^k - 1):
/// there is no zero, pruned weights do not stay zero, and 4 bits are stored in 8 because they reach from -15 to 15.
/// </remarks>
public sealed record Sawb : Quantizer
{
    private static readonly SortedDictionary<int, (double Root, double Mean)> Coefficients = new()
    {
        [2] = (3.12, -2.064),
        [3] = (7.509, -6.892),
        [4] = (12.68, -12.80),
        [5] = (17.74, -18.64),
        [8] = (31.76, -35.04),
    };

    /// <inheritdoc/>
    public override IReadOnlyCollection<int> WeightBits => Coefficients.Keys;

    /// <inheritdoc/>
    public override bool TakesNegative => false;

    /// <inheritdoc/>
    public override Value Weight(QuantizerSite site)
    {
        if (!Coefficients.TryGetValue(site.Bits, out var c)) throw new NabiException($"sawb has no coefficients for {site.Bits} bits; there are those for {string.Join(", ", Coefficients.Keys)}");
        var (b, w, levels) = (site.Builder, site.X, (1 << site.Bits) - 1);
        var mean = b.ReduceMean(b.Abs(w), [], keepdims: false);
        var reach = b.Add(b.Mul(b.Sqrt(b.ReduceMean(b.Square(w), [], keepdims: false)), c.Root), b.Mul(mean, c.Mean));
        var step = b.Reshape(b.Mul(b.Max(reach, mean, b.Scalar(1e-12, mean)), 1.0 / levels), [1]);
        // The levels are odd multiples of the step: 2 round((w / step + levels) / 2) - levels.
        var odd = b.Add(b.Mul(b.Round(b.Mul(b.Add(b.Div(w, step), levels), 0.5)), 2), -levels);
        return b.StraightThrough(site.Round(b.Mul(odd, step), step, -levels, levels), w);
    }

    /// <inheritdoc/>
    public override Value Activation(QuantizerSite site) => new Pact().Activation(site);

    /// <inheritdoc/>
    public override Penalty? Penalty(ValueArray<string> learned, double decay) => new Pact().Penalty(learned, decay);
}
