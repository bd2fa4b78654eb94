namespace Nabi.Runtime.Kernels;

/// <summary>Arguments of one micro-kernel call: a tile of rows times one packed panel.</summary>
internal unsafe struct TileArguments
{
    /// <summary>Row pointers, tile rows for tap 0, then for tap 1, and so on.</summary>
    public float** Inputs;

    /// <summary>Whether the first row pointer leads to all rows of the tile, gathered as [Depth][rows].</summary>
    public bool Gathered;

    /// <summary>Groups of row pointers.</summary>
    public int Taps;

    /// <summary>Elements read through each row pointer.</summary>
    public nint Depth;

    /// <summary>Packed panel, [Taps * Depth][2 * lanes].</summary>
    public float* Panel;

    /// <summary>Distance to the next panel, used by the one-row kernel that takes two.</summary>
    public nint PanelStride;

    /// <summary>One result pointer per tile row.</summary>
    public float** Outputs;

    /// <summary>Bias of the panel's columns, or null.</summary>
    public float* Bias;

    /// <summary>Whether the result's old content is added.</summary>
    public bool Load;

    /// <summary>Whether the result is limited to [<see cref="Low"/>, <see cref="High"/>].</summary>
    public bool Clamp;

    /// <summary>Lower limit.</summary>
    public float Low;

    /// <summary>Upper limit.</summary>
    public float High;

    /// <summary>Tiles of the same kind that follow each other at the steps below; 0 counts as 1.</summary>
    public int Tiles;

    /// <summary>Floats from the inputs of one tile to those of the next.</summary>
    public nint InputStep;

    /// <summary>Floats from the results of one tile to those of the next.</summary>
    public nint OutputStep;

    /// <summary>One pointer per tile row to what is added before the limits, or null.</summary>
    public float** Addends;

    /// <summary>Floats from what is added to one tile to that of the next.</summary>
    public nint AddendStep;
}
