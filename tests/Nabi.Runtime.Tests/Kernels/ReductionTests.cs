using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class ReductionTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public static TheoryData<ReductionKind> Kinds => [.. Enum.GetValues<ReductionKind>()];

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void RowsColumnsAndMiddleAxes(ReductionKind kind)
    {
        for (var n = 1; n <= Given.LongestTail; n++)
        {
            Check(kind, 3, n, 1);
            Check(kind, 1, 5, n);
            Check(kind, 2, 3, n);
        }
        Check(kind, 7, 5000, 1);
        Check(kind, 1, 3000, 37);
        Check(kind, 4, 300, 64);
        Check(kind, 0, 3, 2);
    }

    [Fact]
    public void LongSumsDoNotDrift()
    {
        const int n = 1 << 20;
        using var x = new GuardedBuffer<float>(n);
        x.Span.Fill(0.1f);
        var sums = stackalloc float[2];
        Reduction.Run(pool, ReductionKind.Sum, 1, n, 1, x.Pointer, sums);
        Assert.Equal(n * (double)0.1f, sums[0], n * 1e-5);
        Reduction.Run(pool, ReductionKind.Sum, 1, n / 2, 2, x.Pointer, sums);
        Assert.Equal(n / 2 * (double)0.1f, sums[1], n * 1e-5);
    }

    private void Check(ReductionKind kind, int outer, int reduced, int inner)
    {
        using var x = Given.Floats((long)outer * reduced * inner, reduced);
        using var y = new GuardedBuffer<float>((long)outer * inner);
        Reduction.Run(pool, kind, outer, reduced, inner, x.Pointer, y.Pointer);
        var expected = new double[outer * inner];
        for (var at = 0; at < expected.Length; at++)
        {
            var (o, i) = Math.DivRem(at, inner);
            double sum = 0, max = double.NegativeInfinity, min = double.PositiveInfinity, squares = 0, absolutes = 0;
            for (var r = 0; r < reduced; r++)
            {
                double v = x[(((o * reduced) + r) * inner) + i];
                sum += v;
                max = Math.Max(max, v);
                min = Math.Min(min, v);
                squares += v * v;
                absolutes += Math.Abs(v);
            }
            expected[at] = kind switch
            {
                ReductionKind.Sum => sum,
                ReductionKind.Mean => sum / reduced,
                ReductionKind.Max => max,
                ReductionKind.Min => min,
                ReductionKind.SumOfSquares => squares,
                _ => absolutes,
            };
        }
        Given.Near(expected, y.Span, 1e-4, $"{kind} of {outer} x {reduced} x {inner}");
    }
}
