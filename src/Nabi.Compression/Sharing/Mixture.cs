namespace Nabi.Compression.Sharing;

/// <summary>A mixture of Gaussians on the line.</summary>
/// <param name="Means">The mean of each component.</param>
/// <param name="LogPrecisions">The logarithm of each component's precision, 1 / variance.</param>
/// <param name="LogShares">The logarithm of each component's mixing proportion.</param>
internal sealed record Mixture(double[] Means, double[] LogPrecisions, double[] LogShares)
{
    /// <summary>The component that is most responsible for a number.</summary>
    public int MostResponsible(double number)
    {
        var (best, most) = (0, double.NegativeInfinity);
        for (var j = 0; j < Means.Length; j++)
            if (LogDensity(j, number) is var density && density > most) (best, most) = (j, density);
        return best;
    }

    /// <summary>The logarithm of the density of a number, without the constant -ln(2 pi) / 2.</summary>
    public double LogDensity(double number)
    {
        var densities = Enumerable.Range(0, Means.Length).Select(j => LogDensity(j, number)).ToArray();
        var largest = densities.Max();
        return largest + Math.Log(densities.Sum(d => Math.Exp(d - largest)));
    }

    private double LogDensity(int j, double number) =>
        LogShares[j] + (0.5 * LogPrecisions[j]) - (0.5 * Math.Exp(LogPrecisions[j]) * (number - Means[j]) * (number - Means[j]));
}
