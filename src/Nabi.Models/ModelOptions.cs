namespace Nabi.Models;

/// <summary>What a family's builder is asked for. Families say which of these they use.</summary>
public sealed record ModelOptions
{
    /// <summary>Multiplies the channels of every layer (the papers' alpha). Range (0, 8]; default 1.</summary>
    public double Width { get; init; } = 1;

    /// <summary>Input channels, height and width; null is the paper's.</summary>
    public Shape? Input { get; init; }

    /// <summary>Classes at the output; null is the paper's.</summary>
    public int? Classes { get; init; }

    /// <summary>Seed of the initial weights. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Leave the weights zero, because the network will only be counted?</summary>
    internal bool IsOnlyCounted { get; init; }

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="NabiException">A value is out of range; the sentence names it.</exception>
    public ModelOptions Validated()
    {
        if (Width is not (> 0 and <= 8)) throw new NabiException($"A width of {Width} is not possible; use a multiplier above 0 and up to 8.");
        if (Classes is < 1 or > 1_000_000) throw new NabiException($"{Classes} classes are not possible; use 1 to 1000000.");
        if (Input is { } input && (input.Rank != 3 || !input.IsKnown || input.Any(d => d is < 1 or > 8192)))
            throw new NabiException($"The input {input} is not possible; give channels x height x width, for example 3x32x32.");
        return this;
    }
}
