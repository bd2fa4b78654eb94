namespace Nabi.Runtime.Emit;

/// <summary>Arguments of one call of a kernel of <see cref="BitTiles"/>: a tile of rows times panels that follow each other.</summary>
/// <remarks>Of every count of differing bits the result is clamp(scale (start - weight * count) + bias), each operation rounded once.</remarks>
internal unsafe struct BitArguments
{
    /// <summary>One pointer per tile row, to the parity after the first word; what a row starts from is zeros.</summary>
    public uint** Inputs;

    /// <summary>Stretches of the words that are read: pairs of byte offsets into a row, first and behind the last, multiples of 8, the latter larger.</summary>
    public nint* Stretches;

    /// <summary>Stretches, at least 1.</summary>
    public nint StretchCount;

    /// <summary>Bytes of a panel before the word all columns start from.</summary>
    public nint First;

    /// <summary>First packed panel, the parity of no words before those of the words; the call moves it behind the last.</summary>
    public float* Panel;

    /// <summary>Bytes from one panel to the next.</summary>
    public nint PanelStride;

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

    /// <summary>Lower limit, if there are limits.</summary>
    public float Low;

    /// <summary>Upper limit.</summary>
    public float High;

    /// <summary>Whether there are limits, else 0.</summary>
    public nint IsLimited;
}
