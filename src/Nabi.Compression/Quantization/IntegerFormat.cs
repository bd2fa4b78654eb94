namespace Nabi.Compression.Quantization;

/// <summary>The integers that activations are rounded to: signed, all of them or as many on both sides of zero.</summary>
/// <param name="Bits">Bits of an integer, 2 to 16. Default 8.</param>
/// <param name="IsSymmetric">Is the zero point 0, so that the range reaches as far below zero as above it? Default false.</param>
public readonly record struct IntegerFormat(int Bits = 8, bool IsSymmetric = false)
{
    /// <summary>Signed 8-bit integers with a zero point.</summary>
    public static IntegerFormat Int8 { get; } = new(8);

    /// <summary>The smallest integer.</summary>
    public int Min => -(1 << (Bits - 1));

    /// <summary>The largest integer.</summary>
    public int Max => (1 << (Bits - 1)) - 1;

    /// <summary>
    /// Scale and zero point that cover a range: x is about scale (q - zero point). A range of nothing but zero has the scale 1 / (number of steps).
    /// </summary>
    public (float Scale, int ZeroPoint) Cover(QuantizationRange range)
    {
        var steps = (float)(Max - Min);
        if (IsSymmetric)
        {
            var reach = Math.Max(-range.Min, range.Max) / Max;
            return reach < 1e-30f ? (1 / steps, 0) : (reach, 0);
        }
        var scale = (range.Max - range.Min) / steps;
        if (scale < 1e-30f) return (1 / steps, 0);
        return (scale, (int)Math.Clamp(MathF.Round(Min - range.Min / scale, MidpointRounding.ToEven), Min, Max));
    }

    /// <summary>The narrowest element type that holds integers from <paramref name="min"/> to <paramref name="max"/> as activations.</summary>
    internal static DType Holding(int min, int max) =>
        min >= sbyte.MinValue && max <= sbyte.MaxValue ? DType.Int8
        : min >= 0 && max <= byte.MaxValue ? DType.UInt8
        : min >= short.MinValue && max <= short.MaxValue ? DType.Int16
        : min >= 0 && max <= ushort.MaxValue ? DType.UInt16
        : DType.Int32;
}
