using System.Numerics;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels.Quantized;

public sealed unsafe class RequantizerTests
{
    [Theory]
    [InlineData(3, 1, 2)]      // 1.5 away from zero
    [InlineData(-3, 1, -2)]
    [InlineData(-5, 2, -1)]    // -1.25
    [InlineData(-6, 2, -2)]    // -1.5
    [InlineData(-7, 2, -2)]
    [InlineData(6, 2, 2)]
    [InlineData(5, 2, 1)]
    [InlineData(0, 5, 0)]
    public void HalvesGoAwayFromZero(long product, int shift, long expected) => Assert.Equal(expected, Requantizer.Round(product, shift));

    [Theory]
    [InlineData(1.0, 1 << 30, 30)]
    [InlineData(0.5, 1 << 30, 31)]
    [InlineData(0.75, 3 << 29, 31)]
    [InlineData(1000.0, 1000 << 21, 21)]
    [InlineData(0.0, 0, 62)]
    public void MultipliersAreNormalized(double multiplier, int significand, int shift) =>
        Assert.Equal(new Requantizer(significand, shift), Requantizer.Of(multiplier));

    [Fact]
    public void MultiplierJustBelowAPowerOfTwoCarries() => Assert.Equal(new Requantizer(1 << 30, 30), Requantizer.Of(Math.BitDecrement(1.0)));

    [Theory]
    [InlineData(-1.0)]
    [InlineData(double.NaN)]
    [InlineData(1073741824.0)]
    public void RefusesMultipliersOutsideTheRange(double multiplier) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Requantizer.Of(multiplier));

    [Theory]
    [InlineData(-40f, 25f, false)]
    [InlineData(-40f, -1.01f, false)]   // multipliers below 1/2 have a way of their own
    [InlineData(-40f, 25f, true)]
    [InlineData(-19f, -11f, true)]   // few results beyond the limits
    public void EveryWidthFollowsTheRule(float smallest, float largest, bool isShort)
    {
        const int n = 2051, rows = 2, stride = n + RequantizeTile.Overrun;
        using var sums = new GuardedBuffer<int>(rows * stride);
        using var q = new GuardedBuffer<int>(stride);
        using var s = new GuardedBuffer<int>(stride);
        using var m = new GuardedBuffer<float>(n);
        using var y = new GuardedBuffer<byte>(rows * n);
        using var noise = Given.Floats(rows * stride, 5, -1e6f, 1e6f);
        using var scales = Given.Floats(n, 6, smallest, largest);
        for (var i = 0; i < rows * stride; i++)
            sums[i] = (i % stride) switch { 0 => int.MinValue, 1 => int.MaxValue, 2 => -1, 3 => 0, > n - 9 => 1 << (i % 31), _ => (int)noise[i] };
        for (var i = 0; i < n; i++)
        {
            (q[i], s[i]) = Requantizer.Of(Math.Pow(2, scales[i]));
            m[i] = (float)Math.ScaleB(q[i], -s[i]);
        }
        var tile = new RequantizeTile
        {
            Significands = q.Pointer, Shifts = s.Pointer, Range = new QuantizedRange(3, -128, 127), Columns = n, IsSigned = true, Multipliers = isShort ? m.Pointer : null,
            Sums = sums.Pointer, SumStride = stride, Target = y.Pointer, Stride = n,
        };
        var numbers = stackalloc long[rows] { 1, 0 };
        tile.Run(numbers, rows);
        for (var i = 0; i < rows * n; i++)
        {
            var (row, column) = Math.DivRem(i, n);
            var (product, half) = ((BigInteger)sums[((1 - row) * stride) + column] * q[column], BigInteger.One << (s[column] - 1));
            var magnitude = (BigInteger.Abs(product) + half) >> s[column];
            var expected = BigInteger.Min(127, BigInteger.Max(-128, 3 + (product.Sign * magnitude)));
            Assert.Equal((int)expected, (sbyte)y[i]);
        }
    }
}
