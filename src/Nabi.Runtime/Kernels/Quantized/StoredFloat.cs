namespace Nabi.Runtime.Kernels;

/// <summary>Requantization in single precision that knows when it may differ from the exact rule of <see cref="Requantizer"/>: its constants.</summary>
/// <remarks>
/// <para>A real result x is taken as f = x + (256 + zero + 1/2 + guard * 2^-15), with zero the zero point counted from the smallest stored value: in [256, 512)
/// the 8 bits below the leading one are the stored value, and 15 bits follow. Beyond it the limits apply, which as positive floats are compared as integers.</para>
/// <para>An accumulator and its multiplier are rounded to 24 bits, and so is the sum: for results in range f is off by less than 1.6 units of 2^-15. Its integer part is
/// that of the exact rule unless the 15 bits are 0, 1, 2 or 3, ties included; the guard of 1 centers them. A sum of two bytes times multipliers of at most
/// <see cref="LargestFactor"/> is off by at most 3.5 units: the guard is 8, and the doubtful numbers are 0 to 15.</para>
/// </remarks>
/// <param name="Offset">f of zero.</param>
/// <param name="Low">Smallest f, as an integer.</param>
/// <param name="High">Largest f, as an integer.</param>
/// <param name="Flip">Makes four unsigned bytes those of the format by exclusive or.</param>
internal readonly record struct StoredFloat(float Offset, int Low, int High, uint Flip)
{
    /// <summary>Bits behind the stored value.</summary>
    public const int FractionBits = 15;

    /// <summary>Bits of f, all zero where a product may round otherwise.</summary>
    public const int DoubtfulProduct = 0x7ffc;

    /// <summary>Bits of f, all zero where the sum of two products may round otherwise.</summary>
    public const int DoubtfulSum = 0x7ff0;

    /// <summary>Largest multiplier of a byte in a sum.</summary>
    public const double LargestFactor = 2;

    private const int Base = 0x43800000;   // 256

    private const int ProductGuard = 1, SumGuard = 8;

    /// <summary>For products.</summary>
    public static StoredFloat OfProduct(QuantizedRange range, bool isSigned) => Of(range, isSigned, ProductGuard);

    /// <summary>For sums of two products.</summary>
    public static StoredFloat OfSum(QuantizedRange range, bool isSigned) => Of(range, isSigned, SumGuard);

    /// <summary>What makes four bytes of a format unsigned, or unsigned ones those of the format.</summary>
    public static uint FlipOf(bool isSigned) => isSigned ? 0x80808080 : 0;

    private static StoredFloat Of(QuantizedRange range, bool isSigned, int guard)
    {
        int smallest = isSigned ? sbyte.MinValue : byte.MinValue;
        return new StoredFloat(
            256.5f + (range.ZeroPoint - smallest) + ((float)guard / (1 << FractionBits)),
            Base + ((range.Low - smallest) << FractionBits),
            Base + ((range.High - smallest + 1) << FractionBits) - 1,
            FlipOf(isSigned));
    }
}
