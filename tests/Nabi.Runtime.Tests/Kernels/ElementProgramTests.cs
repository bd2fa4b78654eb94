using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class ElementProgramTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public static TheoryData<UnaryKind> UnaryKinds => [.. Enum.GetValues<UnaryKind>()];

    public static TheoryData<string> Kinds => [.. Enum.GetNames<ElementKind>()];

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(UnaryKinds))]
    public void EveryTailOfEveryFunction(UnaryKind kind)
    {
        var f = new Unary(kind, 0.3f, 0.7f);
        var low = kind is UnaryKind.Log or UnaryKind.Sqrt or UnaryKind.ReciprocalSqrt or UnaryKind.Reciprocal ? 0.05f : -6f;
        for (var n = 0; n <= Given.LongestTail; n++)
        {
            using var x = Given.Floats(n, n + 1, low, 6f);
            using var y = new GuardedBuffer<float>(n);
            Apply(f, n, x.Pointer, y.Pointer);
            Given.Near(Expected(f, x.Span), y.Span, 1e-6, $"{kind} of {n}");
        }
    }

    [Theory]
    [InlineData(UnaryKind.Exp, -103.9f, 88.7f, 2.0)]
    [InlineData(UnaryKind.Exp, -1f, 1f, 2.0)]
    [InlineData(UnaryKind.Log, 1e-30f, 1e4f, 2.0)]
    [InlineData(UnaryKind.Log, 0.5f, 2f, 2.0)]
    [InlineData(UnaryKind.Tanh, -10f, 10f, 6.0)]
    [InlineData(UnaryKind.Tanh, -1e-3f, 1e-3f, 6.0)]
    [InlineData(UnaryKind.Erf, -5f, 5f, 6.0)]
    [InlineData(UnaryKind.Erf, -1e-20f, 1e-20f, 6.0)]
    [InlineData(UnaryKind.Sigmoid, 0f, 87f, 3.0)]
    [InlineData(UnaryKind.Sigmoid, -87f, 0f, 4.0, 1.25)]
    [InlineData(UnaryKind.Silu, -80f, 80f, 5.0, 1.25)]
    public void ErrorsStayWithinTheStatedUlps(UnaryKind kind, float low, float high, double ulps, double moreBelowZero = 0)
    {
        const int n = 200_000;
        using var x = Given.Floats(n, 9, low, high);
        using var y = new GuardedBuffer<float>(n);
        Apply(new Unary(kind), n, x.Pointer, y.Pointer);
        for (var i = 0; i < n; i++)
        {
            var expected = UnaryReference.Evaluate(new(kind), x[i]);
            var ulp = (double)MathF.BitIncrement(MathF.Abs((float)expected)) - MathF.Abs((float)expected);
            Assert.True(Math.Abs(expected - y[i]) <= (ulps + (moreBelowZero * Math.Max(0, -x[i]))) * ulp, $"{kind}({x[i]:R}) is {y[i]:R}, expected {expected:R}");
        }
    }

    [Theory]
    [InlineData(UnaryKind.Exp, float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(UnaryKind.Exp, float.NegativeInfinity, 0f)]
    [InlineData(UnaryKind.Exp, 100f, float.PositiveInfinity)]
    [InlineData(UnaryKind.Exp, float.MaxValue, float.PositiveInfinity)]
    [InlineData(UnaryKind.Exp, float.MinValue, 0f)]
    [InlineData(UnaryKind.Exp, 1e-42f, 1f)]
    [InlineData(UnaryKind.Exp, float.NaN, float.NaN)]
    [InlineData(UnaryKind.Log, 0f, float.NegativeInfinity)]
    [InlineData(UnaryKind.Log, -1f, float.NaN)]
    [InlineData(UnaryKind.Log, float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(UnaryKind.Log, 1e-42f, -96.7085f)]
    [InlineData(UnaryKind.Log, float.NaN, float.NaN)]
    [InlineData(UnaryKind.Tanh, float.PositiveInfinity, 1f)]
    [InlineData(UnaryKind.Tanh, float.NegativeInfinity, -1f)]
    [InlineData(UnaryKind.Tanh, float.NaN, float.NaN)]
    [InlineData(UnaryKind.Sigmoid, float.NegativeInfinity, 0f)]
    [InlineData(UnaryKind.Tanh, 1e-42f, 1e-42f)]
    [InlineData(UnaryKind.Erf, float.PositiveInfinity, 1f)]
    [InlineData(UnaryKind.Erf, float.NegativeInfinity, -1f)]
    [InlineData(UnaryKind.Erf, float.MaxValue, 1f)]
    [InlineData(UnaryKind.Erf, float.NaN, float.NaN)]
    [InlineData(UnaryKind.Sigmoid, float.PositiveInfinity, 1f)]
    [InlineData(UnaryKind.Sigmoid, float.MaxValue, 1f)]
    [InlineData(UnaryKind.Sigmoid, float.MinValue, 0f)]
    [InlineData(UnaryKind.Sigmoid, float.NaN, float.NaN)]
    [InlineData(UnaryKind.Sigmoid, 200f, 1f)]
    [InlineData(UnaryKind.Silu, float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(UnaryKind.Silu, -1000f, 0f)]
    [InlineData(UnaryKind.Silu, float.NaN, float.NaN)]
    [InlineData(UnaryKind.Gelu, float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(UnaryKind.Gelu, -1000f, 0f)]
    [InlineData(UnaryKind.Softplus, 500f, 500f)]
    [InlineData(UnaryKind.Relu, float.NaN, float.NaN)]
    [InlineData(UnaryKind.Sign, float.NaN, float.NaN)]
    [InlineData(UnaryKind.Sign, 0f, 0f)]
    public void LimitsAndNotANumber(UnaryKind kind, float x, float expected)
    {
        float y;
        Apply(new Unary(kind), 1, &x, &y);
        Assert.Equal(expected, y, float.IsFinite(expected) ? 1e-3f * MathF.Abs(expected) : 0f);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryTailOfEveryInstruction(string name)
    {
        var kind = Enum.Parse<ElementKind>(name);
        for (var n = 0; n <= Given.LongestTail; n++)
        {
            using var a = Given.Floats(n, 1, 0.1f, 2f);
            using var b = Given.Floats(n, 2, -1f, 3f);
            using var y = new GuardedBuffer<float>(n);
            if (n > 2)
                b[2] = a[2];
            using var c = Given.Floats(n, 3);
            if (n > 1)
                a[1] = 0;
            Run([n], [[1], [1], [1]], [new ElementInstruction(kind, Unary.Relu, 0, 1, 2)], [(nint)a.Pointer, (nint)b.Pointer, (nint)c.Pointer], y.Pointer);
            var expected = new double[n];
            for (var i = 0; i < n; i++)
                expected[i] = Evaluate(kind, a[i], b[i], c[i]);
            Given.Near(expected, y.Span, 1e-6, kind.ToString());
        }
    }

    [Theory]
    [InlineData(new long[] { 3, 1, 5 }, new long[] { 0, 0, 1 }, new long[] { 5, 5, 1 })]
    [InlineData(new long[] { 2, 3, 40 }, new long[] { 120, 40, 1 }, new long[] { 1, 2, 0 })]
    [InlineData(new long[] { 4, 33 }, new long[] { 1, 4 }, new long[] { 33, 1 })]
    [InlineData(new long[] { 2, 3, 2, 2 }, new long[] { 0, 4, 0, 1 }, new long[] { 12, 4, 2, 1 })]
    [InlineData(new long[] { 70, 500 }, new long[] { 500, 1 }, new long[] { 0, 1 })]
    [InlineData(new long[] { 0, 3 }, new long[] { 3, 1 }, new long[] { 0, 1 })]
    [InlineData(new long[] { }, new long[] { }, new long[] { })]
    public void BroadcastFollowsTheStrides(long[] shape, long[] aStrides, long[] bStrides)
    {
        using var a = Given.Floats(Extent(shape, aStrides), 1);
        using var b = Given.Floats(Extent(shape, bStrides), 2);
        long count = 1;
        foreach (var s in shape)
            count *= s;
        using var y = new GuardedBuffer<float>(count);
        Run(Array.ConvertAll(shape, d => (int)d), [aStrides, bStrides], [new ElementInstruction(ElementKind.Subtract, default, 0, 1)], [(nint)a.Pointer, (nint)b.Pointer], y.Pointer);
        for (var i = 0; i < count; i++)
        {
            long rest = i, ia = 0, ib = 0;
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                ia += rest % shape[axis] * aStrides[axis];
                ib += rest % shape[axis] * bStrides[axis];
                rest /= shape[axis];
            }
            Assert.Equal(a[(int)ia] - b[(int)ib], y[i]);
        }
    }

    [Fact]
    public void InstructionsRunInOrderOverBlocks()
    {
        const int rows = 70, columns = 500;
        using var x = Given.Floats(rows * columns, 1);
        using var scale = Given.Floats(columns, 2);
        using var shift = Given.Floats(rows, 3);
        Run([rows, columns], [[columns, 1], [0, 1], [1, 0]],
            [new(ElementKind.Multiply, default, 0, 1), new(ElementKind.Add, default, 3, 2), new(ElementKind.Unary, Unary.Relu, 4)],
            [(nint)x.Pointer, (nint)scale.Pointer, (nint)shift.Pointer], x.Pointer);
        using var given = Given.Floats(rows * columns, 1);
        for (var i = 0; i < rows * columns; i++)
            Assert.Equal(Math.Max(0, (given[i] * scale[i % columns]) + shift[i / columns]), x[i]);
    }

    private static long Extent(long[] shape, long[] strides)
    {
        long last = 0;
        for (var i = 0; i < shape.Length; i++)
            last += Math.Max(0, shape[i] - 1) * strides[i];
        return last + 1;
    }

    private static double[] Expected(Unary f, ReadOnlySpan<float> x)
    {
        var y = new double[x.Length];
        for (var i = 0; i < y.Length; i++)
            y[i] = UnaryReference.Evaluate(f, x[i]);
        return y;
    }

    private void Apply(Unary f, int count, float* x, float* y) => Run([count], [[1]], [new ElementInstruction(ElementKind.Unary, f, 0)], [(nint)x], y);

    private void Run(int[] dims, long[][] strides, ElementInstruction[] instructions, ReadOnlySpan<nint> operands, float* y) =>
        new ElementProgram(dims, Array.ConvertAll(strides, s => new ElementOperand { Strides = s }), instructions, writesBytes: false).Run(pool, operands, (byte*)y);

    private static double Evaluate(ElementKind kind, float a, float b, float c) => kind switch
    {
        ElementKind.Unary => Math.Max(a, 0),
        ElementKind.Add => a + b,
        ElementKind.Subtract => a - b,
        ElementKind.Multiply => (double)a * b,
        ElementKind.Divide => (double)a / b,
        ElementKind.Maximum => Math.Max(a, b),
        ElementKind.Minimum => Math.Min(a, b),
        ElementKind.Less => a < b ? 1 : 0,
        ElementKind.Equal => a == b ? 1 : 0,
        ElementKind.Not => a == 0 ? 1 : 0,
        ElementKind.Select => a != 0 ? b : c,
        ElementKind.GateAbove => b > 0 ? a : 0,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
