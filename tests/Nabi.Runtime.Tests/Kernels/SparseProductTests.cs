using Nabi.Runtime.Emit;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class SparseProductTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    /// <summary>The kernels for matrices with zeros.</summary>
    public enum Form
    {
        Listed,
        Emitted,
        Blocks,
    }

    public void Dispose() => pool.Dispose();

    [Theory]
    [InlineData(Form.Listed)]
    [InlineData(Form.Emitted)]
    [InlineData(Form.Blocks)]
    public void EveryEdgeOfTheTileMatchesTheReference(Form form)
    {
        for (var m = 0; m <= (2 * Given.LongestTail) + 1; m += m < 6 ? 1 : 3)
        {
            for (var n = 1; n <= Given.LongestTail + 1; n += n < 6 ? 1 : 4)
                Check(form, m, n, 1 + ((m + n) % 39), 0.6, default, 0);
        }
    }

    [Fact]
    public void EveryWorkerReadsForItselfWhatDoesNotStayInItsCache()
    {
        var half = Enumerable.Range(0, 512 * 512).Select(i => i % 2f).ToArray();
        var (large, small) = (SparsePattern.Of(half, 512, 512, 512, 1), SparsePattern.Of(half.AsSpan(0, 128 * 128), 128, 128, 128, 1));
        var read = SparseProduct.FarBytesRead(large, 16, 1);
        Assert.InRange(read, (long)large.Count * 8, (long)large.Count * 11 * 16);
        Assert.Equal(SparseProduct.FarBytesRead(large, 4096, 1), 2 * SparseProduct.FarBytesRead(large, 4096, 2));   // shares of rows, pass after pass
        Assert.Equal(SparseProduct.FarBytesRead(large, 2 * Simd.Lanes, 1), SparseProduct.FarBytesRead(large, 2 * Simd.Lanes, 2));   // one pass each
        Assert.Equal(0, SparseProduct.FarBytesRead(small, 4096, 2));
    }

    [Theory]
    [InlineData(Form.Listed)]
    [InlineData(Form.Emitted)]
    [InlineData(Form.Blocks)]
    public void EveryDensityAndDepthMatchesTheReference(Form form)
    {
        foreach (var zeros in (double[])[0, 0.5, 0.9, 1])
        {
            Check(form, 130, 33, 700, zeros, Unary.Relu, 5);
            Check(form, 70, 64, 300, zeros, Unary.Relu, 0);
            Check(form, 1, 70, 513, zeros, default, 2);
        }
    }

    [Theory]
    [InlineData(Form.Listed)]
    [InlineData(Form.Emitted)]
    [InlineData(Form.Blocks)]
    public void EpilogueAppliesBiasResidualAndActivation(Form form)
    {
        foreach (var kind in (UnaryKind[])[UnaryKind.Identity, UnaryKind.Relu, UnaryKind.Clip, UnaryKind.HardSwish])
        {
            foreach (var accumulate in (bool[])[false, true])
            {
                foreach (var residual in (bool[])[false, true])
                    Check(form, 37, 21, 60, 0.7, new Unary(kind, 0.1f, 0.5f), 3, bias: true, residual, accumulate);
            }
        }
    }

    [Theory]
    [InlineData(Form.Listed, 7)]
    [InlineData(Form.Listed, 150)]
    [InlineData(Form.Emitted, 7)]
    [InlineData(Form.Emitted, 150)]
    [InlineData(Form.Blocks, 7)]
    [InlineData(Form.Blocks, 150)]
    public void NumberOfWorkersDoesNotChangeTheBits(Form form, int m)
    {
        const int n = 90, k = 260;
        using var weights = Weights(n, k, 0.8);
        using var a = Given.Floats((long)m * k, 1);
        using var one = new GuardedBuffer<float>(m * n);
        using var three = new GuardedBuffer<float>(m * n);
        using var single = new WorkPool(1);
        using var team = new WorkPool(3);
        Run(form, single, m, n, k, a.Pointer, k, weights, one.Pointer, n, default);
        Run(form, team, m, n, k, a.Pointer, k, weights, three.Pointer, n, default);
        Assert.True(one.Span.SequenceEqual(three.Span));
    }

    [Fact]
    public void InfinitiesThatMeetOnlyZerosLeaveNoTrace()
    {
        using var weights = Weights(20, 30, 0);
        for (var column = 0; column < 20; column++)
            weights[(column * 30) + 7] = 0;
        using var a = Given.Floats(40 * 30, 1);
        for (var row = 0; row < 40; row++)
            a[(row * 30) + 7] = float.PositiveInfinity;
        foreach (var form in Enum.GetValues<Form>())
        {
            using var c = new GuardedBuffer<float>(40 * 20);
            Run(form, pool, 40, 20, 30, a.Pointer, 30, weights, c.Pointer, 20, default);
            foreach (var x in c.Span)
                Assert.True(float.IsFinite(x));
        }
    }

    [Fact]
    public void CodeIsEmittedWhereTheProcessorTakesIt()
    {
        using var weights = Weights(40, 50, 0.5);
        using var code = SparseCode.Of(SparsePattern.Of(weights.Span, 40, 50, 50, 1), row => row * SparseCode.Width * sizeof(float));
        Assert.Equal(Simd.Lanes == SparseCode.Width && Environment.GetEnvironmentVariable(ByteTiles.Switch) != "0", code is not null);
    }

    // [columns, depth]; blocks of 16 columns in every second row besides single zeros.
    private static GuardedBuffer<float> Weights(int n, int k, double zeros)
    {
        var weights = Given.Floats((long)n * k, 2);
        using var chance = Given.Floats((long)n * k, 9, 0, 1);
        for (var i = 0; i < weights.Length; i++)
        {
            var (column, row) = (i / k, i % k);
            if (chance[row % 2 == 0 ? i : (column / 16 * 16 * k) + row] < zeros)
                weights[i] = 0;
        }
        return weights;
    }

    private static void Run(Form form, WorkPool pool, int m, int n, int k, float* a, long aStride, GuardedBuffer<float> weights, float* c, long cStride, in Epilogue epilogue)
    {
        var pattern = SparsePattern.Of(weights.Span, n, k, k, 1);
        if (form == Form.Blocks)
        {
            var blocks = new BlockProduct(pattern);
            using var numbers = new GuardedBuffer<float>(blocks.PackedSize);
            blocks.Pack(weights.Pointer, k, 1, numbers.Pointer);
            blocks.Run(pool, m, a, aStride, numbers.Pointer, c, cStride, epilogue);
            return;
        }
        var product = new SparseProduct(pattern, emits: form == Form.Emitted);
        using var packed = new GuardedBuffer<float>(product.PackedSize);
        using var scratch = new GuardedBuffer<float>(product.ScratchSize(pool.Workers));
        scratch.Span.Fill(float.NaN);
        product.Pack(weights.Pointer, k, 1, packed.Pointer);
        product.Run(pool, m, a, aStride, packed.Pointer, c, cStride, epilogue, scratch.Pointer);
    }

    private void Check(Form form, int m, int n, int k, double zeros, Unary activation, int extra, bool bias = false, bool residual = false, bool accumulate = false)
    {
        using var a = Given.Floats(Math.Max(0, ((m - 1) * (k + extra)) + k), 1);
        using var weights = Weights(n, k, zeros);
        using var c = Given.Floats(Math.Max(0, ((m - 1) * (n + extra)) + n), 3);
        using var bias1 = Given.Floats(n, 4);
        using var add = Given.Floats(m * n, 5);
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
                    sum += (double)a[(i * (k + extra)) + q] * weights[(j * k) + q];
                expected[at] = UnaryReference.Evaluate(activation, sum);
            }
        }
        Run(form, pool, m, n, k, a.Pointer, k + extra, weights, c.Pointer, n + extra, new Epilogue
        {
            Bias = bias ? bias1.Pointer : null, Residual = residual ? add.Pointer : null, ResidualStride = n, Accumulate = accumulate, Activation = activation,
        });
        Given.Near(expected, c.Span, 2e-5, $"{form} {m}x{n}x{k}");
    }
}
