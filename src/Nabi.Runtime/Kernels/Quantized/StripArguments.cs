using System.Runtime.InteropServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Arguments of an emitted kernel that multiplies tiles of rows of bytes, one after the other, by one packed panel and stores requantized bytes.</summary>
/// <remarks>
/// <para>A result is taken in single precision as f = a * m + (256 + zero + 1/2 + 2^-15), with zero the output's zero point counted from the smallest stored value:
/// in [256, 512) the 8 bits below the leading one are the stored value, and 15 bits follow. The accumulator a and the multiplier m are rounded to 24 bits and
/// the sum to 24, so that for results in range f is off by less than 1.6 units of 2^-15. Its integer part is that of the exact rule of <see cref="Requantizer"/>
/// unless the 15 bits are 0, 1, 2 or 3, ties included; then the kernel gives up at that tile and the exact rule decides.</para>
/// <para>Beyond [256, 512) the limits apply, which as positive floats are compared as integers.</para>
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct StripArguments
{
    /// <summary>Bits of an f that may lie next to a half, all zero.</summary>
    public const int Doubtful = 0x7ffc;

    /// <summary>Bits of 256.</summary>
    private const int Base = 0x43800000;

    private const int FractionBits = 15;

    /// <summary>Row pointers: tiles, taps of a tile, rows of a tap.</summary>
    public float** Inputs;

    /// <summary>Groups of row pointers of a tile.</summary>
    public int Taps;

    /// <summary>Four-byte elements read through each row pointer.</summary>
    public nint Depth;

    /// <summary>Packed panel.</summary>
    public float* Panel;

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
    public void SetOutput(QuantizedRange range, bool isSigned)
    {
        int smallest = isSigned ? sbyte.MinValue : byte.MinValue;
        Offset = 256.5f + (range.ZeroPoint - smallest) + (1f / (1 << FractionBits));
        Low = Base + ((range.Low - smallest) << FractionBits);
        High = Base + ((range.High - smallest + 1) << FractionBits) - 1;
        OutputFlip = FlipOf(isSigned);
    }

    /// <summary>What makes bytes of a format unsigned, or unsigned ones those of the format.</summary>
    public static uint FlipOf(bool isSigned) => isSigned ? 0x80808080 : 0;
}
