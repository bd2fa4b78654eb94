namespace Nabi.Compression.Search;

/// <summary>
/// How the accuracy that is missing falls with training: as a power of the samples seen (Hestness et al. 2017, Deep Learning Scaling is Predictable, Empirically, section 2, whose
/// samples are all different; here they are those of fine-tuning).
/// </summary>
internal sealed record LearningCurve
{
    // Of the nabi-small and residual networks the search was tried on.
    private const double UsualExponent = 0.5;

    // A drop smaller than this is noise of the validation samples.
    private const double Noise = 0.002;

    /// <summary>How fast: 0.5 halves what is missing with four times the samples. Range 0.05 to 1.</summary>
    public double Exponent { get; init; } = UsualExponent;

    /// <summary>The drop to expect after more training.</summary>
    /// <param name="seen">Samples seen and the drop then.</param>
    /// <param name="samples">Samples that will have been seen.</param>
    public double Predict((double Samples, double Drop) seen, double samples) =>
        seen.Drop <= 0 ? 0 : seen.Drop * Math.Pow(Math.Min(1, seen.Samples / Math.Max(1, samples)), Exponent);

    /// <summary>The curve through two measurements of one network; the same curve where they say nothing.</summary>
    public LearningCurve Learn((double Samples, double Drop) first, (double Samples, double Drop) then) =>
        first.Drop <= Noise || then.Samples <= first.Samples ? this
        : this with { Exponent = Math.Clamp(Math.Log(first.Drop / Math.Max(Noise, then.Drop)) / Math.Log(then.Samples / first.Samples), 0.05, 1) };
}
