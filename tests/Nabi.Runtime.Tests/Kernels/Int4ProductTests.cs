using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class Int4ProductTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public void Dispose() => pool.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryEdgeOfTheTileMatchesTheReference(bool hasZeros)
    {
        foreach (var m in (int[])[1, 2, 3, 4, 5, 9, 11])
        {
            for (var n = 1; n <= (2 * Given.LongestTail) + 1; n += n < 6 ? 1 : 5)
                Check(m, n, 1 + ((m + n) % 19), 8, hasZeros, transposed: n % 2 == 0);
        }
    }

    [Theory]
    [InlineData(1, 130, 700, 32)]
    [InlineData(1, 33, 129, 16)]
    [InlineData(1, 64, 256, 128)]
    [InlineData(4, 65, 1100, 64)]
    [InlineData(7, 40, 100, 13)]
    [InlineData(37, 33, 513, 32)]
    [InlineData(130, 96, 1025, 1025)]
    [InlineData(16, 700, 300, 5)]
    public void BlocksOfTheDepthHaveTheirOwnScales(int m, int n, int k, int block)
    {
        Check(m, n, k, block, hasZeros: false, transposed: true, Unary.Relu);
        Check(m, n, k, block, hasZeros: true, transposed: false, Unary.Relu);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(19)]
    public void EpilogueAppliesBiasResidualAndActivation(int m)
    {
        foreach (var kind in (UnaryKind[])[UnaryKind.Identity, UnaryKind.Relu, UnaryKind.Clip, UnaryKind.HardSwish])
        {
            foreach (var accumulate in (bool[])[false, true])
            {
                foreach (var residual in (bool[])[false, true])
                    Check(m, 37, 50, 16, hasZeros: false, transposed: true, new Unary(kind, 0.1f, 0.5f), bias: true, residual, accumulate);
            }
        }
    }

    [Fact]
    public void IndicesStandForTheEntriesOfATable()
    {
        foreach (var m in (int[])[1, 2, 4, 7, 9, 21])
        {
            for (var n = 1; n <= (2 * Given.LongestTail) + 1; n += n < 6 ? 1 : 7)
                CheckTable(m, n, 1 + ((7 * m) + n) % 45);
        }
        CheckTable(1, 130, 700);
    }

    private void CheckTable(int m, int n, int k)
    {
        var product = new Int4Product(n, k, k, hasZeros: false);
        using var a = Given.Floats(m * k, 1);
        using var table = Given.Floats(16, 2);
        using var unit = new GuardedBuffer<float>(1);
        unit[0] = 1;
        using var indices = new GuardedBuffer<byte>(n * k);
        for (var i = 0; i < indices.Length; i++)
            indices[i] = (byte)(i * 7 / 3 % 16);
        using var packed = new GuardedBuffer<float>(product.PackedSize);
        using var scratch = new GuardedBuffer<float>(Int4Product.ScratchSize(m, k, pool.Workers));
        using var c = new GuardedBuffer<float>(m * n);
        product.Pack(pool, new Int4Matrix
        {
            IsInBytes = true, Numbers = indices.Pointer, DepthStride = 1, ColumnStride = k, Scales = unit.Pointer, Zeros = null, ScaleBlockStride = 0, ScaleColumnStride = 0,
        }, packed.Pointer);
        product.Run(pool, m, a.Pointer, k, packed.Pointer, c.Pointer, n, default, scratch.Pointer, table.Pointer);
        var expected = new double[m * n];
        for (var at = 0; at < expected.Length; at++)
        {
            for (var q = 0; q < k; q++)
                expected[at] += (double)a[(at / n * k) + q] * table[indices[(at % n * k) + q]];
        }
        Given.Near(expected, c.Span, 2e-5, $"{m}x{n}x{k} with a table");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    public void NumberOfWorkersDoesNotChangeTheBits(int m)
    {
        using var one = Result(m, 1);
        using var three = Result(m, 3);
        Assert.True(one.Span.SequenceEqual(three.Span));
    }

    [Fact]
    public void ManyRowsHaveTheBitsOfTheFloatProduct()
    {
        const int m = 21, n = 70, k = 600, block = 32;
        using var operands = new Operands(m, n, k, block, hasZeros: true, transposed: true);
        using var real = new GuardedBuffer<float>(n * k);
        for (var j = 0; j < n; j++)
        {
            for (var q = 0; q < k; q++)
                real[(j * k) + q] = operands.Real(q, j);
        }
        using var packed = new GuardedBuffer<float>(Gemm.PackedSize(n, k));
        using var expected = new GuardedBuffer<float>(m * n);
        Gemm.Run(pool, m, n, k, operands.A.Pointer, k, real.Pointer, k, true, expected.Pointer, n, default, packed.Pointer);
        using var actual = new GuardedBuffer<float>(m * n);
        operands.Run(pool, actual.Pointer, default);
        Assert.True(expected.Span.SequenceEqual(actual.Span));
    }

    private static GuardedBuffer<float> Result(int m, int workers)
    {
        using var team = new WorkPool(workers);
        using var operands = new Operands(m, 300, 200, 64, hasZeros: false, transposed: false);
        var c = new GuardedBuffer<float>(m * 300);
        operands.Run(team, c.Pointer, default);
        return c;
    }

    private void Check(int m, int n, int k, int block, bool hasZeros, bool transposed, Unary activation = default, bool bias = false, bool residual = false, bool accumulate = false)
    {
        using var operands = new Operands(m, n, k, block, hasZeros, transposed);
        using var c = Given.Floats(m * n, 3);
        using var bias1 = Given.Floats(n, 4);
        using var add = Given.Floats(m * n, 5);
        var expected = new double[m * n];
        for (var at = 0; at < expected.Length; at++)
        {
            double sum = (accumulate ? c[at] : 0) + (bias ? bias1[at % n] : 0) + (residual ? add[at] : 0);
            for (var q = 0; q < k; q++)
                sum += (double)operands.A[(at / n * k) + q] * operands.Real(q, at % n);
            expected[at] = UnaryReference.Evaluate(activation, sum);
        }
        operands.Run(pool, c.Pointer, new Epilogue
        {
            Bias = bias ? bias1.Pointer : null, Residual = residual ? add.Pointer : null, ResidualStride = n, Accumulate = accumulate, Activation = activation,
        });
        Given.Near(expected, c.Span, 2e-5, $"{m}x{n}x{k} in blocks of {block}");
    }

    /// <summary>A and a 4-bit B, each ending at a guard page.</summary>
    private sealed class Operands : IDisposable
    {
        private readonly int m, n, k, block;
        private readonly bool transposed;
        private readonly Int4Product product;
        private readonly GuardedBuffer<byte> numbers;
        private readonly GuardedBuffer<float> scales;
        private readonly GuardedBuffer<float>? zeros;

        public Operands(int m, int n, int k, int block, bool hasZeros, bool transposed)
        {
            (this.m, this.n, this.k, this.block, this.transposed) = (m, n, k, block, transposed);
            product = new Int4Product(n, k, block, hasZeros);
            A = Given.Floats(m * k, 1);
            numbers = new GuardedBuffer<byte>(((n * k) + 1) / 2);
            using (var random = Given.Bytes(numbers.Length, 2))
            {
                for (var i = 0; i < numbers.Length; i++)
                    numbers[i] = (byte)random[i];
            }
            var blocks = (k + block - 1) / block;
            scales = Given.Floats(blocks * n, 6, 0.01f, 0.05f);
            if (!hasZeros)
                return;
            zeros = new GuardedBuffer<float>(blocks * n);
            for (var i = 0; i < zeros.Length; i++)
                zeros[i] = (i * 7 % 16) - 8;
        }

        public GuardedBuffer<float> A { get; }

        /// <summary>B[q, j] as DequantizeLinear states it.</summary>
        public float Real(int q, int j)
        {
            var at = transposed ? (j * k) + q : (q * n) + j;
            var number = (sbyte)(numbers[at / 2] << (at % 2 == 0 ? 4 : 0)) >> 4;
            var scale = ((q / block) * n) + j;
            return (number - (zeros?[scale] ?? 0)) * scales[scale];
        }

        public void Run(WorkPool pool, float* c, in Epilogue epilogue)
        {
            using var packed = new GuardedBuffer<float>(product.PackedSize);
            using var scratch = new GuardedBuffer<float>(Int4Product.ScratchSize(m, k, pool.Workers));
            product.Pack(pool, new Int4Matrix
            {
                Numbers = numbers.Pointer, DepthStride = transposed ? 1 : n, ColumnStride = transposed ? k : 1,
                Scales = scales.Pointer, Zeros = zeros is null ? null : zeros.Pointer, ScaleBlockStride = n, ScaleColumnStride = 1,
            }, packed.Pointer);
            product.Run(pool, m, A.Pointer, k, packed.Pointer, c, n, epilogue, scratch.Pointer);
        }

        public void Dispose()
        {
            A.Dispose();
            numbers.Dispose();
            scales.Dispose();
            zeros?.Dispose();
        }
    }
}
