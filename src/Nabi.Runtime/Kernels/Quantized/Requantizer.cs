namespace Nabi.Runtime.Kernels;

/// <summary>The one rounding rule of integer arithmetic: multiplication of a 32-bit accumulator by a real number, rounded once.</summary>
/// <remarks>
/// <para>A real multiplier m (for a convolution scale_x * scale_w / scale_y, computed in double precision in that order) is written as
/// q / 2^s with q an integer in [2^30, 2^31) and s in [1, 62]; q is m * 2^s rounded to nearest, ties to even. If m is below 2^-32, s stays 62 and q
/// is smaller; m = 0 is q = 0.</para>
/// <para>The result for an accumulator a is the 64-bit product p = a * q, divided by 2^s and rounded to the nearest integer, halves away from zero:
/// <c>(p + 2^(s-1) - (p &lt; 0 ? 1 : 0)) &gt;&gt; s</c> with an arithmetic shift. Nothing overflows: |p| is below 2^62.</para>
/// <para>A quantized value is then clamp(zero point + result, low, high). Every integer kernel at every width computes exactly this, and so must whatever
/// emits code for it.</para>
/// </remarks>
/// <param name="Significand">q.</param>
/// <param name="Shift">s.</param>
public readonly record struct Requantizer(int Significand, int Shift)
{
    /// <summary>Largest s.</summary>
    public const int MaxShift = 62;

    /// <summary>Writes a real multiplier as q / 2^s.</summary>
    /// <param name="multiplier">0 or more, below 2^30.</param>
    /// <exception cref="ArgumentOutOfRangeException">The multiplier is negative, not a number, or 2^30 or more.</exception>
    public static Requantizer Of(double multiplier)
    {
        if (!(multiplier >= 0 && multiplier < 1 << 30))
            throw new ArgumentOutOfRangeException(nameof(multiplier), multiplier, "A requantization multiplier lies in [0, 2^30).");
        if (multiplier == 0)
            return new Requantizer(0, MaxShift);
        var shift = Math.Min(MaxShift, 30 - Math.ILogB(multiplier));
        var q = Math.Round(Math.ScaleB(multiplier, shift), MidpointRounding.ToEven);
        return q >= 2147483648.0 ? new Requantizer(1 << 30, shift - 1) : new Requantizer((int)q, shift);
    }

    /// <summary>round(accumulator * multiplier), not limited.</summary>
    public long Apply(int accumulator) => Round((long)accumulator * Significand, Shift);

    /// <summary>product / 2^shift rounded to nearest, halves away from zero, for |product| + 2^(shift - 1) below 2^63.</summary>
    public static long Round(long product, int shift) => (product + (1L << (shift - 1)) + (product >> 63)) >> shift;

    /// <summary>clamp(zeroPoint + round(accumulator * multiplier), low, high).</summary>
    public int Apply(int accumulator, int zeroPoint, int low, int high) => (int)Math.Clamp(zeroPoint + Apply(accumulator), low, high);
}
