namespace Nabi.Training.Data.Images;

/// <summary>
/// The numeric part of JPEG decoding in integers: the inverse DCT of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) with 13-bit
/// constants, triangle-filter chroma upsampling, and BT.601 color conversion with 16-bit constants. Every rounding is as in the
/// widely used reference decoder, so that its bytes are reproduced.
/// </summary>
internal static class JpegTransform
{
    private const int ConstantBits = 13;
    private const int PassBits = 2;

    // sqrt(2) times cosines of k pi / 16 and their sums, scaled by 2^13.
    private const int C0298 = 2446, C0390 = 3196, C0541 = 4433, C0765 = 6270, C0899 = 7373, C1175 = 9633,
        C1501 = 12299, C1847 = 15137, C1961 = 16069, C2053 = 16819, C2562 = 20995, C3072 = 25172;

    /// <summary>64 dequantized coefficients in natural order to 8 x 8 bytes at <paramref name="to"/>.</summary>
    public static void InverseDct(Span<int> block, Span<byte> to, int stride)
    {
        for (var x = 0; x < 8; x++) Pass(block, x, 8, ConstantBits - PassBits);
        for (var y = 0; y < 8; y++)
        {
            Pass(block, y * 8, 1, ConstantBits + PassBits + 3);
            for (var x = 0; x < 8; x++) to[y * stride + x] = (byte)Math.Clamp(block[y * 8 + x] + 128, 0, 255);
        }
    }

    private static void Pass(Span<int> v, int at, int step, int shift)
    {
        int z2 = v[at + 2 * step], z3 = v[at + 6 * step];
        var z1 = (z2 + z3) * C0541;
        var (even2, even3) = (z1 - z3 * C1847, z1 + z2 * C0765);
        (z2, z3) = (v[at], v[at + 4 * step]);
        var (even0, even1) = ((z2 + z3) << ConstantBits, (z2 - z3) << ConstantBits);
        var (s0, s3, s1, s2) = (even0 + even3, even0 - even3, even1 + even2, even1 - even2);

        int t0 = v[at + 7 * step], t1 = v[at + 5 * step], t2 = v[at + 3 * step], t3 = v[at + step];
        z1 = (t0 + t3) * -C0899;
        z2 = (t1 + t2) * -C2562;
        z3 = t0 + t2;
        var z4 = t1 + t3;
        var z5 = (z3 + z4) * C1175;
        z3 = z3 * -C1961 + z5;
        z4 = z4 * -C0390 + z5;
        t0 = t0 * C0298 + z1 + z3;
        t1 = t1 * C2053 + z2 + z4;
        t2 = t2 * C3072 + z2 + z3;
        t3 = t3 * C1501 + z1 + z4;

        var half = 1 << (shift - 1);
        v[at] = (s0 + t3 + half) >> shift;
        v[at + 7 * step] = (s0 - t3 + half) >> shift;
        v[at + step] = (s1 + t2 + half) >> shift;
        v[at + 6 * step] = (s1 - t2 + half) >> shift;
        v[at + 2 * step] = (s2 + t1 + half) >> shift;
        v[at + 5 * step] = (s2 - t1 + half) >> shift;
        v[at + 3 * step] = (s3 + t0 + half) >> shift;
        v[at + 4 * step] = (s3 - t0 + half) >> shift;
    }

    /// <summary>Doubles the width of a row with weights 3/4 and 1/4; the two sides of a pixel round in opposite directions.</summary>
    public static void DoubleRow(ReadOnlySpan<byte> from, Span<byte> to)
    {
        for (var x = 0; x < from.Length; x++)
        {
            int here = from[x], left = x > 0 ? from[x - 1] : here, right = x + 1 < from.Length ? from[x + 1] : here;
            to[2 * x] = (byte)(x == 0 ? here : (3 * here + left + 1) >> 2);
            if (2 * x + 1 < to.Length) to[2 * x + 1] = (byte)(x + 1 == from.Length ? here : (3 * here + right + 2) >> 2);
        }
    }

    /// <summary>One row of a plane doubled in both directions: 9/16, 3/16, 3/16, 1/16 of the four nearest samples.</summary>
    /// <param name="near">The row the output row lies in.</param>
    /// <param name="far">The row it is next to.</param>
    /// <param name="to">The output row.</param>
    public static void DoubleBoth(ReadOnlySpan<byte> near, ReadOnlySpan<byte> far, Span<byte> to)
    {
        for (var x = 0; x < near.Length; x++)
        {
            var here = 3 * near[x] + far[x];
            var left = x > 0 ? 3 * near[x - 1] + far[x - 1] : here;
            var right = x + 1 < near.Length ? 3 * near[x + 1] + far[x + 1] : here;
            to[2 * x] = (byte)((3 * here + left + 8) >> 4);
            if (2 * x + 1 < to.Length) to[2 * x + 1] = (byte)((3 * here + right + 7) >> 4);
        }
    }

    /// <summary>Y, Cb, Cr to red, green, blue.</summary>
    public static void ToRgb(int y, int cb, int cr, Span<byte> to)
    {
        (cb, cr) = (cb - 128, cr - 128);
        to[0] = (byte)Math.Clamp(y + ((91881 * cr + 32768) >> 16), 0, 255);
        to[1] = (byte)Math.Clamp(y + ((-22554 * cb - 46802 * cr + 32768) >> 16), 0, 255);
        to[2] = (byte)Math.Clamp(y + ((116130 * cb + 32768) >> 16), 0, 255);
    }
}
