namespace Nabi.Compression.Quantization;

/// <summary>
/// The integers that weights are rounded to, and what shares a scale. Of 8 and 16 bits symmetric weights use as many integers below zero as above
/// (Jacob et al. 2018, section 3); of fewer bits they use all, because one of 4 or 16 is too many to lose.
/// </summary>
internal sealed record WeightFormat
{
    /// <summary>Bits, 2 to 16. Default 8.</summary>
    public int Bits { get; init; } = 8;

    /// <summary>One scale per output channel? Otherwise one per tensor. Default true.</summary>
    public bool PerChannel { get; init; } = true;

    /// <summary>Inputs of an output channel that share a scale; 0 for all. Default 0.</summary>
    public int GroupSize { get; init; }

    /// <summary>Is zero the middle of the range? Default true.</summary>
    public bool IsSymmetric { get; init; } = true;

    /// <summary>The smallest integer.</summary>
    public int Min => IsSymmetric && Bits >= 8 ? -Max : -(1 << (Bits - 1));

    /// <summary>The largest integer.</summary>
    public int Max => (1 << (Bits - 1)) - 1;

    /// <summary>
    /// Can products with 8-bit activations be summed as integers and rounded once? Scales that change along the sum, zero points of weights and 16 bits
    /// cannot.
    /// </summary>
    public bool IsSummedAsIntegers => Bits <= 8 && IsSymmetric && GroupSize == 0;

    /// <summary>The element type that such weights are stored in: 2 and 3 bits take 4, since no narrower type exists in ONNX or here.</summary>
    public DType Stored => Holding(Min, Max);

    /// <summary>The narrowest element type that holds integers from <paramref name="min"/> to <paramref name="max"/> as parameters.</summary>
    public static DType Holding(int min, int max) => min >= -8 && max <= 7 ? DType.Int4 : IntegerFormat.Holding(min, max);
}
