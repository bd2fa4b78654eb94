namespace Nabi.Formats;

/// <summary>How a .nabi file is written.</summary>
public sealed record NabiWriteOptions
{
    /// <summary>
    /// Round Float32 parameters to the 8 bits of precision of <see cref="BFloat16"/>: about a third of the size, and the outputs change
    /// (relative rounding error up to 2^-9 per weight). Default false: files are lossless.
    /// </summary>
    public bool RoundToBFloat16 { get; init; }
}
