namespace Nabi.Training.Data.Augmentations;

/// <summary>
/// Trains on convex combinations of pairs: x = lambda a + (1 - lambda) b, and the same for the targets, with one lambda from Beta(Alpha, Alpha)
/// per batch and a random pairing of the batch with itself (Zhang et al. 2018, section 2 and figure 1a).
/// </summary>
/// <param name="Alpha">Strength, above 0; the larger, the nearer lambda is to 1/2. Default 0.2.</param>
public sealed record Mixup(double Alpha = 0.2)
{
    /// <summary>Draws lambda: the share of two gamma variables.</summary>
    internal double Draw(Rng rng)
    {
        var (a, b) = (Gamma(rng), Gamma(rng));
        return a + b > 0 ? a / (a + b) : 0.5;
    }

    // Marsaglia and Tsang 2000; below 1 the shape is raised by one and the draw scaled by u^(1/alpha).
    private double Gamma(Rng rng)
    {
        var boost = Alpha < 1 ? Math.Pow(1 - rng.NextDouble(), 1 / Alpha) : 1;
        var d = (Alpha < 1 ? Alpha + 1 : Alpha) - 1.0 / 3;
        var c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            var x = rng.NextGaussian();
            var v = Math.Pow(1 + c * x, 3);
            if (v > 0 && Math.Log(1 - rng.NextDouble()) < x * x / 2 + d - d * v + d * Math.Log(v)) return boost * d * v;
        }
    }
}
