namespace Nabi.Runtime.Kernels;

/// <summary>How a tensor of bytes stands for real numbers: real = Scale * (stored - ZeroPoint).</summary>
/// <param name="Scale">Positive and finite.</param>
/// <param name="ZeroPoint">Within the range of the stored type.</param>
/// <param name="IsSigned">Whether stored values are int8 (-128 to 127) or uint8 (0 to 255).</param>
public readonly record struct QuantizedFormat(float Scale, int ZeroPoint, bool IsSigned)
{
    /// <summary>Smallest stored value.</summary>
    public int Min => IsSigned ? sbyte.MinValue : byte.MinValue;

    /// <summary>Largest stored value.</summary>
    public int Max => IsSigned ? sbyte.MaxValue : byte.MaxValue;

    internal void Check()
    {
        if (!(Scale > 0) || !float.IsFinite(Scale))
            throw new ArgumentException($"The scale of a quantized tensor is positive and finite, not {Scale}.");
        if (ZeroPoint < Min || ZeroPoint > Max)
            throw new ArgumentException($"The zero point {ZeroPoint} is outside [{Min}, {Max}].");
    }

    /// <summary>The stored byte at <paramref name="p"/> as a number.</summary>
    internal static unsafe int Read(byte* p, bool isSigned) => isSigned ? *(sbyte*)p : *p;
}
