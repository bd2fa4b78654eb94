namespace Nabi.Training;

/// <summary>
/// Half a cosine from 1 to <paramref name="Final"/>: Final + (1 - Final) (1 + cos(pi step / steps)) / 2 (Loshchilov and Hutter 2017, equation 5, without restarts).
/// </summary>
/// <param name="Final">The factor reached at the end. Default 0.</param>
public sealed record Cosine(double Final = 0) : Schedule
{
    /// <inheritdoc/>
    public override double Factor(double step, double steps) => Final + (1 - Final) * (1 + Math.Cos(Math.PI * Math.Min(1, step / steps))) / 2;
}
