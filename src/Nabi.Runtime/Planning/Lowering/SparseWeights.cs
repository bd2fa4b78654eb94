using System.Globalization;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Constant weights with many zeros, seen as a matrix [depth, columns] whose columns are filters, and the kernels that skip the zeros.</summary>
internal sealed unsafe class SparseWeights
{
    /// <summary>With fewer zeros nothing is gained by any kernel.</summary>
    private const double FewestZeros = 0.3;

    /// <summary>Kernels whose estimate is up to so much of the dense one's time are candidates for a measurement.</summary>
    private const double Hopeless = 1.5;

    /// <summary>They are chosen without one up to here.</summary>
    private const double Worthwhile = 0.85;

    /// <summary>With one row most lanes are idle, but the dense kernel waits for its weights.</summary>
    private const double MostIdle = 7;

    /// <summary>Registers that a core multiplies and adds in a cycle.</summary>
    private const double MultiplyAddsPerCycle = 2;

    /// <summary>Bytes that a core gets from beyond its second-level cache in a cycle.</summary>
    private const double FarBytesPerCycle = 8;

    private readonly SparsePattern _pattern;
    private readonly int _columnStride;
    private readonly int _depthStride;

    private SparseWeights(SparsePattern pattern, int columnStride, int depthStride) => (_pattern, _columnStride, _depthStride) = (pattern, columnStride, depthStride);

    /// <summary>The zeros of a weight; null if it is not constant or has few.</summary>
    /// <param name="weight">A matrix, or filters of a 1 x 1 convolution of one group.</param>
    /// <param name="columnAxis">Which axis counts the columns, 0 or 1; the other is the depth.</param>
    public static SparseWeights? Of(Value weight, int columnAxis)
    {
        if (weight is not { DType: DType.Float32, IsUpdated: false, Data: { } data, Shape: { Rank: >= 2 } shape } || shape.Count == 0 || shape[0] * shape[1] != shape.Count) return null;
        var numbers = data.Span<float>();
        if (numbers.Count(0f) < FewestZeros * numbers.Length) return null;
        var (columns, depth) = (shape[columnAxis], shape[1 - columnAxis]);
        var (columnStride, depthStride) = columnAxis == 0 ? (depth, 1) : (1, columns);
        return new SparseWeights(SparsePattern.Of(numbers, columns, depth, columnStride, depthStride), columnStride, depthStride);
    }

    /// <summary>Chooses between a dense kernel and those that skip zeros.</summary>
    /// <param name="dense">The dense one.</param>
    /// <param name="shape">Operator and sizes.</param>
    /// <param name="rows">Rows of the left matrix, or pixels.</param>
    /// <param name="readStride">Floats from one of them to the next, 0 if only its channels lie there.</param>
    /// <param name="writeStride">The same for the result.</param>
    /// <param name="threads">Threads of the session.</param>
    /// <param name="chooser">Asked where several kernels can; what it names and is not there is the usual one.</param>
    public ConvKernel Choose(ConvKernel dense, string shape, int rows, int readStride, int writeStride, int threads, KernelChooser chooser)
    {
        var (from, to) = (readStride == 0 ? _pattern.Depth : readStride, writeStride == 0 ? _pattern.Columns : writeStride);
        List<(ConvKernel Kernel, double Time)> candidates = [(dense, Worthwhile)];
        var blocks = BlockProduct.DensityOf(_pattern);
        if (BlockTime(blocks) < Hopeless) candidates.Add((Blocks(dense, rows, from, to), BlockTime(blocks)));
        var single = SingleTime(rows, threads);
        if (single < Hopeless) candidates.Add((Single(dense, rows, from, to, threads), single));
        if (candidates.Count == 1) return dense;
        ConvKernel[] ordered = [.. candidates.OrderBy(c => c.Time).Select(c => c.Kernel)];
        var zeros = string.Create(CultureInfo.InvariantCulture, $"{100 * (1 - _pattern.Density):F0} % zeros, {100 * (1 - blocks):F0} % in blocks");
        var name = chooser($"{shape}, {zeros}", ordered);
        return Array.Find(ordered, c => c.Kind == name) ?? ordered[0];
    }

    // Time over the dense kernel's, fitted to measurements (decision 11): what is multiplied, and what is done besides for every number read and written, in the
    // registers of pixels of the thread that has the most; and the places and numbers that every thread for itself waits for.
    private double SingleTime(int rows, int threads)
    {
        var lanes = Simd.Lanes;
        var registers = (rows + lanes - 1) / lanes;
        var step = registers >= threads ? threads * SparseProduct.RegistersTogether : 1;
        registers = (registers + step - 1) / step * step;
        var idle = Math.Min(MostIdle, (double)registers * lanes / rows);
        var (depth, columns) = (_pattern.Depth, _pattern.Columns);
        var denseCycles = (double)depth * columns / threads * Math.Max(rows / (MultiplyAddsPerCycle * lanes), sizeof(float) / FarBytesPerCycle);
        var waiting = SparseProduct.FarBytesRead(_pattern, rows, threads) / FarBytesPerCycle / denseCycles;
        return (idle * ((1.2 * _pattern.Density) + (16.0 / columns) + (16.0 / depth))) + waiting;
    }

    private double BlockTime(double density) => (1.4 * density) + (25.0 / _pattern.Depth);

    private ConvKernel Single(ConvKernel dense, int rows, int from, int to, int threads)
    {
        var product = new SparseProduct(_pattern);
        return dense with
        {
            Kind = "sparse",
            PackedSize = product.PackedSize,
            ScratchSize = product.ScratchSize(threads),
            Pack = (_, weights, packed) => product.Pack(weights, _columnStride, _depthStride, packed),
            Run = (WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* scratch) =>
                product.Run(pool, rows, input, from, packed, output, to, epilogue, scratch),
        };
    }

    private ConvKernel Blocks(ConvKernel dense, int rows, int from, int to)
    {
        var product = new BlockProduct(_pattern);
        return dense with
        {
            Kind = "blocks",
            PackedSize = product.PackedSize,
            ScratchSize = 0,
            Pack = (_, weights, packed) => product.Pack(weights, _columnStride, _depthStride, packed),
            Run = (WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* _) =>
                product.Run(pool, rows, input, from, packed, output, to, epilogue),
        };
    }
}
