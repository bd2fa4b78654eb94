using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels.Quantized;

public sealed unsafe class QuantizationTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public void Dispose() => pool.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void QuantizeRoundsHalvesToEvenAndSaturates(bool isSigned)
    {
        var format = new QuantizedFormat(0.5f, isSigned ? -3 : 100, isSigned);
        for (var n = 0; n <= 150; n++)
        {
            using var x = Given.Floats(n, 3, -100, 100);
            using var y = new GuardedBuffer<byte>(n);
            using var back = new GuardedBuffer<float>(n);
            float[] special = [0.25f, 0.75f, -0.25f, -0.75f, float.PositiveInfinity, float.NegativeInfinity, float.NaN];
            for (var i = 0; i < Math.Min(n, special.Length); i++)
                x[i] = x[n - 1 - i] = special[i];
            Quantization.Quantize(pool, n, x.Pointer, format, y.Pointer);
            Quantization.Dequantize(pool, n, y.Pointer, format, back.Pointer);
            for (var i = 0; i < n; i++)
            {
                var rounded = float.IsNaN(x[i]) ? 0 : Math.Round(x[i] / 0.5f, MidpointRounding.ToEven);
                var expected = (int)Math.Clamp(rounded + format.ZeroPoint, format.Min, format.Max);
                var stored = isSigned ? (int)(sbyte)y[i] : y[i];
                Assert.Equal(expected, stored);
                Assert.Equal((stored - format.ZeroPoint) * 0.5f, back[i]);
            }
        }
    }

    [Fact]
    public void AddRoundsOnce()
    {
        var (fa, fb, fy) = (new QuantizedFormat(0.1f, 3, true), new QuantizedFormat(0.003f, 120, false), new QuantizedFormat(0.07f, -9, true));
        const int n = 256 * 256;
        using var a = new GuardedBuffer<byte>(n);
        using var b = new GuardedBuffer<byte>(n);
        using var y = new GuardedBuffer<byte>(n);
        for (var i = 0; i < n; i++)
            (a[i], b[i]) = ((byte)i, (byte)(i >> 8));
        Quantization.Add(pool, n, a.Pointer, fa, b.Pointer, fb, y.Pointer, fy);
        for (var i = 0; i < n; i++)
        {
            var real = (((sbyte)a[i] - 3) * (double)0.1f) + ((b[i] - 120) * (double)0.003f);
            var exact = real / 0.07f;
            // Away from ties the rounding of the real sum is the answer.
            if (Math.Abs(exact - Math.Floor(exact) - 0.5) > 1e-6)
                Assert.Equal((int)Math.Clamp(Math.Round(exact) - 9, -128, 127), (sbyte)y[i]);
        }
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void AddEqualsTheRuleAtEveryLengthAlsoInPlace(bool aSigned, bool bSigned)
    {
        (QuantizedFormat A, QuantizedFormat B, QuantizedFormat Y, int? Low)[] cases =
        [
            (new(0.1f, aSigned ? 3 : 130, aSigned), new(0.02f, bSigned ? -7 : 90, bSigned), new(0.11f, -128, true), null),
            (new(0.5f, aSigned ? -128 : 0, aSigned), new(0.25f, bSigned ? 127 : 255, bSigned), new(0.125f, 100, false), 100),   // coarse: many ties, saturation
            (new(1e-9f, 0, aSigned), new(1e-4f, 0, bSigned), new(0.125f, 5, true), 5),   // one operand vanishes
        ];
        foreach (var (fa, fb, fy, low) in cases)
        {
            var (ma, mb) = ((double)fa.Scale / fy.Scale, (double)fb.Scale / fy.Scale);
            var shift = Requantizer.Of(Math.Max(ma, mb)).Shift;
            var (qa, qb) = ((long)Math.Round(Math.ScaleB(ma, shift), MidpointRounding.ToEven), (long)Math.Round(Math.ScaleB(mb, shift), MidpointRounding.ToEven));
            for (var n = 0; n <= Given.LongestTail; n++)
            {
                using var givenA = Given.Bytes(n, 4);
                using var givenB = Given.Bytes(n, 5);
                using var a = new GuardedBuffer<byte>(n);
                using var b = new GuardedBuffer<byte>(n);
                var expected = new byte[n];
                for (var i = 0; i < n; i++)
                {
                    (a[i], b[i]) = ((byte)givenA[i], (byte)givenB[i]);
                    var sum = (((aSigned ? (sbyte)a[i] : a[i]) - fa.ZeroPoint) * qa) + (((bSigned ? (sbyte)b[i] : b[i]) - fb.ZeroPoint) * qb);
                    expected[i] = (byte)Math.Clamp(fy.ZeroPoint + Requantizer.Round(sum, shift), low ?? fy.Min, fy.Max);
                }
                Quantization.Add(pool, n, a.Pointer, fa, b.Pointer, fb, a.Pointer, fy, low);
                Assert.Equal(expected, a.Span.ToArray());
            }
        }
    }

    [Theory]
    [InlineData("3x3 same")]
    [InlineData("window larger than image")]
    [InlineData("asymmetric")]
    public void PoolingEqualsTheReference(string name)
    {
        var w = ConvCases.All[name].Window;
        foreach (var isSigned in (bool[])[true, false])
        {
            foreach (var channels in (int[])[1, 5, 16, 27, 70, 290])
                CheckPooling(w, channels, isSigned);
        }
    }

    [Fact]
    public void GlobalAverageOfALargeImage()
    {
        using var x = new GuardedBuffer<byte>(40 * 40 * 3);
        x.Span.Fill(200);
        using var y = new GuardedBuffer<byte>(3);
        var window = new WindowShape { Height = 40, Width = 40, KernelHeight = 40, KernelWidth = 40 };
        QuantizedPooling.Average(pool, window, 3, false, x.Pointer, new(0.5f, 100, false), y.Pointer, new(1f, 10, false));
        Assert.Equal([60, 60, 60], y.Span.ToArray());
    }

    private void CheckPooling(WindowShape w, int channels, bool isSigned)
    {
        using var bytes = Given.Bytes((long)w.Batch * w.Height * w.Width * channels, 1);
        using var x = new GuardedBuffer<byte>(bytes.Length);
        for (var i = 0; i < x.Length; i++)
            x[i] = (byte)bytes[i];
        using var max = new GuardedBuffer<byte>((long)w.Batch * w.OutHeight * w.OutWidth * channels);
        using var mean = new GuardedBuffer<byte>(max.Length);
        var (input, output) = (new QuantizedFormat(0.1f, 9, isSigned), new QuantizedFormat(0.07f, 20, isSigned));
        var largest = new int[max.Length];
        var sums = new int[max.Length];
        var counts = new int[max.Length];
        Array.Fill(largest, input.Min);
        foreach (var (from, to, _) in ConvReference.Products(new ConvShape { Window = w, InChannels = channels, OutChannels = channels, Groups = channels }))
        {
            var value = isSigned ? (int)(sbyte)x[from] : x[from];
            largest[to] = Math.Max(largest[to], value);
            sums[to] += value - 9;
            counts[to]++;
        }
        QuantizedPooling.Max(pool, w, channels, isSigned, x.Pointer, max.Pointer);
        QuantizedPooling.Average(pool, w, channels, false, x.Pointer, input, mean.Pointer, output);
        for (var i = 0; i < largest.Length; i++)
        {
            Assert.Equal(largest[i], isSigned ? (int)(sbyte)max[i] : max[i]);
            var rule = Requantizer.Of(input.Scale / ((double)output.Scale * Math.Max(1, counts[i])));
            Assert.Equal((byte)rule.Apply(sums[i], 20, output.Min, output.Max), mean[i]);
        }
    }
}
