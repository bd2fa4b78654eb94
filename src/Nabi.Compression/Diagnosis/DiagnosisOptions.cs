namespace Nabi.Compression.Diagnosis;

/// <summary>How closely a compressed network is looked at.</summary>
public sealed record DiagnosisOptions
{
    /// <summary>Samples to look at, drawn from the validation samples. Default 512. Range 1 to 1,000,000.</summary>
    public int Samples { get; init; } = 512;

    /// <summary>
    /// Layers that are put back to the original one by one, those of the lowest ratio of signal to noise first. Default 64. Range 1 to 10,000.
    /// </summary>
    public int Layers { get; init; } = 64;

    /// <summary>What is wrong, as a sentence; null when nothing is.</summary>
    internal string? Fault =>
        Samples is < 1 or > 1_000_000 ? $"A diagnosis on {Samples} samples is not possible; use 1 to 1,000,000."
        : Layers is < 1 or > 10_000 ? $"A diagnosis of {Layers} layers is not possible; use 1 to 10,000."
        : null;
}
