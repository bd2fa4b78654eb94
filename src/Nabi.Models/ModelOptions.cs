namespace Nabi.Models;

/// <summary>What a family's builder is asked for. Families say which of these they use.</summary>
public sealed record ModelOptions
{
    /// <summary>Multiplies the channels of every layer (the papers' alpha). Range (0, 8]; default 1.</summary>
    public double Width { get; init; } = 1;

    /// <summary>Multiplies the blocks of every stage, rounded up as in EfficientNet, eq. 3. Range (0, 8]; default 1.</summary>
    public double Depth { get; init; } = 1;

    /// <summary>The shape of one sample: channels, height and width for images; null is the paper's.</summary>
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
        if (Depth is not (> 0 and <= 8)) throw new NabiException($"A depth of {Depth} is not possible; use a multiplier above 0 and up to 8.");
        if (Classes is < 1 or > 1_000_000) throw new NabiException($"{Classes} classes are not possible; use 1 to 1000000.");
        return this;
    }

    /// <summary>Blocks times <see cref="Depth"/>, rounded up.</summary>
    internal int Blocks(int blocks) => (int)Math.Ceiling(blocks * Depth - 1e-9);
}
