using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class GemmTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public void Dispose() => pool.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryEdgeOfTheTileMatchesTheReference(bool transposed)
    {
        for (var m = 0; m <= 10; m++)
        {
            for (var n = 0; n <= (2 * Given.LongestTail) + 1; n += n < 6 ? 1 : 3)
                Check(m, n, (m + n) % 7, transposed, default, 0);
        }
    }

    [Theory]
    [InlineData(1, 130, 700, 0)]
    [InlineData(3, 65, 1100, 2)]
    [InlineData(37, 33, 513, 5)]
    [InlineData(130, 96, 1025, 0)]
    [InlineData(16, 700, 300, 1)]
    public void BlocksOfTheReductionAddUp(int m, int n, int k, int extraStride) => Check(m, n, k, true, Unary.Relu, extraStride);

    [Theory]
    [InlineData(UnaryKind.Relu)]
    [InlineData(UnaryKind.Clip)]
    [InlineData(UnaryKind.HardSwish)]
    [InlineData(UnaryKind.Gelu)]
    [InlineData(UnaryKind.LeakyRelu)]
    [InlineData(UnaryKind.Silu)]
    public void EpilogueAppliesBiasResidualAndActivation(UnaryKind kind)
    {
        foreach (var n in (int[])[3, 16, 33, 64])
        {
            foreach (var accumulate in (bool[])[false, true])
            {
                foreach (var residual in (bool[])[false, true])
                {
                    Check(11, n, 600, false, new Unary(kind, 0.1f, 0.5f), 3, bias: true, residual, accumulate);
                    Check(157, n, 5, false, new Unary(kind, 0.1f, 0.5f), 3, bias: true, residual, accumulate);   // several strips of tiles
                }
            }
        }
    }

    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(3, 17, 5)]
    [InlineData(9, 16, 300)]
    [InlineData(27, 33, 513)]
    [InlineData(40, 70, 1000)]
    public void TransposedProductReducesOverTheStoredRows(int m, int n, int k)
    {
        using var a = Given.Floats((long)m * k, 1);
        using var b = Given.Floats((long)n * k, 2);
        using var c = Given.Floats((long)m * n, 3);
        using var scratch = new GuardedBuffer<float>(Gemm.TransposedScratchSize(n, pool.Workers));
        var expected = new double[m * n];
        for (var i = 0; i < expected.Length; i++)
        {
            expected[i] = c[i];
            for (var q = 0; q < k; q++)
                expected[i] += (double)a[(q * m) + (i / n)] * b[(q * n) + (i % n)];
        }
        Gemm.RunTransposed(pool, m, n, k, a.Pointer, m, b.Pointer, n, c.Pointer, n, new Epilogue { Accumulate = true }, scratch.Pointer);
        Given.Near(expected, c.Span, 2e-5, $"{m}x{n}x{k}");
    }

    [Fact]
    public void NumberOfWorkersDoesNotChangeTheBits()
    {
        using var a = Given.Floats(67 * 600, 1);
        using var b = Given.Floats(600 * 45, 2);
        using var packed = new GuardedBuffer<float>(Gemm.PackedSize(45, 600));
        using var one = new GuardedBuffer<float>(67 * 45);
        using var three = new GuardedBuffer<float>(67 * 45);
        using var single = new WorkPool(1);
        using var team = new WorkPool(3);
        Gemm.Pack(team, 45, 600, b.Pointer, 45, false, packed.Pointer);
        Gemm.Run(single, 67, 45, 600, a.Pointer, 600, packed.Pointer, one.Pointer, 45, default);
        Gemm.Run(team, 67, 45, 600, a.Pointer, 600, packed.Pointer, three.Pointer, 45, default);
        Assert.True(one.Span.SequenceEqual(three.Span));
    }

    [Fact]
    public void NotANumberPassesThroughRelu()
    {
        using var a = Given.Floats(8, 1);
        using var b = Given.Floats(32, 2);
        a[0] = float.NaN;
        using var c = new GuardedBuffer<float>(8 * 32);
        using var scratch = new GuardedBuffer<float>(Gemm.PackedSize(32, 1));
        Gemm.Run(pool, 8, 32, 1, a.Pointer, 1, b.Pointer, 32, false, c.Pointer, 32, new Epilogue { Activation = Unary.Relu }, scratch.Pointer);
        Assert.True(float.IsNaN(c[5]));
        Assert.False(float.IsNaN(c[40]));
    }

    private void Check(int m, int n, int k, bool transposed, Unary activation, int extra, bool bias = false, bool residual = false, bool accumulate = false)
    {
        var bStride = (transposed ? k : n) + extra;
        using var a = Given.Floats(Math.Max(0, ((m - 1) * (k + extra)) + k), 1);
        using var b = Given.Floats(Math.Max(0, (((transposed ? n : k) - 1) * bStride) + bStride - extra), 2);
        using var c = Given.Floats(Math.Max(0, ((m - 1) * (n + extra)) + n), 3);
        using var bias1 = Given.Floats(n, 4);
        using var add = Given.Floats(m * n, 5);
        using var scratch = new GuardedBuffer<float>(Gemm.PackedSize(n, k));
        var expected = new double[c.Length];
        for (var i = 0; i < expected.Length; i++)
            expected[i] = c[i];
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < n; j++)
            {
                var at = (i * (n + extra)) + j;
                double sum = (accumulate ? c[at] : 0) + (bias ? bias1[j] : 0) + (residual ? add[(i * n) + j] : 0);
                for (var q = 0; q < k; q++)
                    sum += (double)a[(i * (k + extra)) + q] * b[transposed ? (j * bStride) + q : (q * bStride) + j];
                expected[at] = UnaryReference.Evaluate(activation, sum);
            }
        }
        var epilogue = new Epilogue
        {
            Bias = bias ? bias1.Pointer : null,
            Residual = residual ? add.Pointer : null,
            ResidualStride = n,
            Accumulate = accumulate,
            Activation = activation,
        };
        Gemm.Run(pool, m, n, k, a.Pointer, k + extra, b.Pointer, bStride, transposed, c.Pointer, n + extra, epilogue, scratch.Pointer);
        Given.Near(expected, c.Span, 2e-5, $"{m}x{n}x{k}");
    }
}
