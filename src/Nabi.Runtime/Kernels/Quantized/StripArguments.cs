using System.Runtime.InteropServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Arguments of an emitted kernel that multiplies tiles of rows of bytes, one after the other, by one packed panel and stores requantized bytes.</summary>
/// <remarks>Results are taken as <see cref="StoredFloat"/> says. At a doubtful tile the kernel gives up, and the exact rule decides.</remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct StripArguments
{
    /// <summary>Row pointers: tiles, taps of a tile, rows of a tap.</summary>
    public float** Inputs;

    /// <summary>Groups of row pointers of a tile.</summary>
    public int Taps;

    /// <summary>Four-byte elements read through each row pointer.</summary>
    public nint Depth;

    /// <summary>Packed panel.</summary>
    public float* Panel;

    /// <summary>What is asked into the second-level cache, a cache line with every step of the depth; need not be readable.</summary>
    public byte* Next;

    /// <summary>Bytes by which <see cref="Next"/> advances with every step; 0 where nothing is to be asked for. Only full tiles ask.</summary>
    public nint NextStep;

    /// <summary>What the sums start from.</summary>
    public int* Bias;

    /// <summary>One multiplier for every column of the panel.</summary>
    public float* Multipliers;

    /// <summary>The first row of the tile to be stored, and that where the kernel stopped.</summary>
    public byte* Output;

    /// <summary>Bytes from one row of the output to the next.</summary>
    public nint Stride;

    /// <summary>Tiles to do; on return those left: 0, or the first of them is doubtful.</summary>
    public long Tiles;

    /// <summary>Receives the sums of a doubtful tile, rows of a whole panel.</summary>
    public int* Sums;

    /// <summary>A bit for every column that is stored.</summary>
    public ulong Columns;

    /// <summary>Applied to four bytes of the input by exclusive or: the sign bits where they are signed.</summary>
    public uint InputFlip;

    /// <summary>Applied to four bytes of the output by exclusive or.</summary>
    public uint OutputFlip;

    /// <summary>f of a sum of zero.</summary>
    public float Offset;

    /// <summary>Smallest f, as an integer.</summary>
    public int Low;

    /// <summary>Largest f, as an integer.</summary>
    public int High;

    /// <summary>Sets what depends on the formats.</summary>
    /// <param name="range">Zero point and limits of the output.</param>
    /// <param name="isSigned">Whether the output is int8.</param>
    public void SetOutput(QuantizedRange range, bool isSigned) => (Offset, Low, High, OutputFlip) = StoredFloat.OfProduct(range, isSigned);
}
