namespace Nabi.Runtime.Emit;

/// <summary>Arguments of one call of a kernel of <see cref="BitTiles"/>: a tile of rows times panels that follow each other.</summary>
/// <remarks>Of every count of differing bits the result is clamp(scale (start - weight * count) + bias), each operation rounded once.</remarks>
internal unsafe struct BitArguments
{
    /// <summary>Row pointers, tile rows for tap 0, then for tap 1, and so on.</summary>
    public float** Inputs;

    /// <summary>Groups of row pointers.</summary>
    public int Taps;

    /// <summary>Words read through each row pointer, an even number.</summary>
    public nint Depth;

    /// <summary>First packed panel; the call moves it behind the last.</summary>
    public float* Panel;

    /// <summary>Panels, at least 1; the call counts them down.</summary>
    public nint Panels;

    /// <summary>Bytes from the first column of what follows to the panel's; the call moves it on.</summary>
    public nint Column;

    /// <summary>One result pointer per tile row.</summary>
    public float** Outputs;

    /// <summary>Per tile row the results for a count of 0.</summary>
    public float** Starts;

    /// <summary>One per column.</summary>
    public float* Scales;

    /// <summary>One per column, or null.</summary>
    public float* Bias;

    /// <summary>By how much a bit that differs lowers the result.</summary>
    public float Weight;

    /// <summary>Lower limit.</summary>
    public float Low;

    /// <summary>Upper limit.</summary>
    public float High;

    /// <summary>What changes nothing, not even the sign of a zero, when it is added: -0.</summary>
    public float Nothing;

    /// <summary>No limits and nothing added.</summary>
    public static BitArguments Unlimited => new() { Low = float.NegativeInfinity, High = float.PositiveInfinity, Nothing = -0f };
}
