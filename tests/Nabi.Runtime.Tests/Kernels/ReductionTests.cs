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
        Check(kind, 3, 100_000, 1);
        Check(kind, 1, 30_000, 3);
        Check(kind, 2, 5000, 20);
        Check(kind, 0, 3, 2);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Sides(ReductionKind kind)
    {
        for (var n = 1; n <= Given.LongestTail; n++)
            CheckSides(kind, 3, 5, n);
        CheckSides(kind, 1, 40, 3000);
        CheckSides(kind, 300, 64, 9);
        CheckSides(kind, 40, 3, 900);
        CheckSides(kind, 5000, 2, 7);
    }

    [Theory]
    [InlineData(1, 100_000, 5)]
    [InlineData(2, 50_000, 1)]
    [InlineData(1, 2000, 300)]
    public void TheNumberOfThreadsDoesNotChangeABit(int outer, int reduced, int inner)
    {
        using var alone = new WorkPool(1);
        using var three = new WorkPool(3);
        using var x = Given.Floats((long)outer * reduced * inner, 4);
        using var expected = new GuardedBuffer<float>(outer * inner);
        using var y = new GuardedBuffer<float>(outer * inner);
        Reduction.Run(alone, ReductionKind.Sum, outer, reduced, inner, x.Pointer, expected.Pointer);
        Reduction.Run(three, ReductionKind.Sum, outer, reduced, inner, x.Pointer, y.Pointer);
        Assert.Equal(expected.Span, y.Span);
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
        Compare(kind, x, y, i => (i / inner / reduced * inner) + (i % inner), $"{kind} of {outer} x {reduced} x {inner}");
    }

    private void CheckSides(ReductionKind kind, int outer, int kept, int inner)
    {
        using var x = Given.Floats((long)outer * kept * inner, outer);
        using var y = new GuardedBuffer<float>(kept);
        Reduction.RunSides(pool, kind, outer, kept, inner, x.Pointer, y.Pointer);
        Compare(kind, x, y, i => i / inner % kept, $"{kind} of the sides of {outer} x {kept} x {inner}");
    }

    private static void Compare(ReductionKind kind, GuardedBuffer<float> x, GuardedBuffer<float> y, Func<int, int> resultOf, string what)
    {
        var expected = new double[y.Length];
        Array.Fill(expected, kind switch { ReductionKind.Max => double.NegativeInfinity, ReductionKind.Min => double.PositiveInfinity, _ => 0 });
        for (var i = 0; i < x.Length; i++)
        {
            double v = x[i];
            ref var result = ref expected[resultOf(i)];
            result = kind switch
            {
                ReductionKind.Sum => result + v,
                ReductionKind.Mean => result + (v * y.Length / x.Length),
                ReductionKind.Max => Math.Max(result, v),
                ReductionKind.Min => Math.Min(result, v),
                ReductionKind.SumOfSquares => result + (v * v),
                _ => result + Math.Abs(v),
            };
        }
        Given.Near(expected, y.Span, 1e-4, what);
    }
}
