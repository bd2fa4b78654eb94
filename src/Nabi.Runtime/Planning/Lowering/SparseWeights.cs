using System.Globalization;
using Nabi.Passes;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Constant weights with many zeros, seen as a matrix [depth, columns] whose columns are filters, and the kernels that skip the zeros.</summary>
internal sealed unsafe class SparseWeights
{
    /// <summary>With fewer zeros nothing is gained by any kernel.</summary>
    private const double FewestZeros = 0.3;

    /// <summary>Kernels whose estimate is up to so much of the dense one's time are candidates for a measurement.</summary>
    private const double Hopeless = 1.5;

    /// <summary>The same for windows of several pixels, whose code is longer and is made for every candidate.</summary>
    private const double HopelessWindow = 1.1;

    /// <summary>They are chosen without one up to here.</summary>
    private const double Worthwhile = 0.85;

    /// <summary>With one row most lanes are idle, but the dense kernel waits for its weights.</summary>
    private const double MostIdle = 7;

    /// <summary>Registers that a core multiplies and adds in a cycle.</summary>
    private const double MultiplyAddsPerCycle = 2;

    /// <summary>Bytes that a core gets from beyond its second-level cache in a cycle.</summary>
    private const double FarBytesPerCycle = 8;

    /// <summary>What a window costs besides its numbers, in times of the direct convolution: taps that lie between registers, strips beyond the first-level cache.</summary>
    private const double WindowTime = 0.1;

    private readonly SparsePattern _pattern;
    private readonly int _columnStride;
    private readonly int _depthStride;

    private SparseWeights(SparsePattern pattern, int columnStride, int depthStride) => (_pattern, _columnStride, _depthStride) = (pattern, columnStride, depthStride);

    /// <summary>The zeros of a weight; null if it is not constant or has few. Weights stored in fewer bits or by shared values are decoded to be looked at.</summary>
    /// <param name="weight">A matrix, or filters of a convolution of one group.</param>
    /// <param name="columnAxis">Which axis counts the columns, 0 or 1; the others are the depth.</param>
    public static SparseWeights? Of(Value weight, int columnAxis)
    {
        if (weight is not { DType: DType.Float32, Shape: { Rank: >= 2 } shape } || shape.Count == 0 || (columnAxis > 0 && shape[0] * shape[1] != shape.Count)) return null;
        if (DataOf(weight) is not { } data) return null;
        var numbers = data.Span<float>();
        if (numbers.Count(0f) < FewestZeros * numbers.Length) return null;
        var columns = shape[columnAxis];
        var depth = shape.Count / columns;
        var (columnStride, depthStride) = columnAxis == 0 ? (depth, 1) : (1, columns);
        return new SparseWeights(SparsePattern.Of(numbers, columns, depth, columnStride, depthStride), columnStride, depthStride);
    }

    private static Tensor? DataOf(Value weight) => weight switch
    {
        { Data: { } data } => weight.IsUpdated ? null : data,
        { Producer: { } node } when FoldConstants.IsStored(node) && node.Inputs.All(v => v is null or { IsUpdated: false, Data: not null }) =>
            ReferenceEvaluator.Evaluate(node, [.. node.Inputs.Select(v => v?.Data)], new Rng(0))[0],
        _ => null,
    };

    /// <summary>Chooses between a dense product and those that skip zeros.</summary>
    /// <param name="dense">The dense one.</param>
    /// <param name="shape">Operator and sizes.</param>
    /// <param name="rows">Rows of the left matrix, or pixels.</param>
    /// <param name="readStride">Floats from one of them to the next, 0 if only its channels lie there.</param>
    /// <param name="writeStride">The same for the result.</param>
    /// <param name="threads">Threads of the session.</param>
    /// <param name="chooser">Asked where several kernels can; what it names and is not there is the usual one.</param>
    public ConvKernel ChooseProduct(ConvKernel dense, string shape, int rows, int readStride, int writeStride, int threads, KernelChooser chooser)
    {
        var (from, to) = (readStride == 0 ? _pattern.Depth : readStride, writeStride == 0 ? _pattern.Columns : writeStride);
        var blocks = BlockProduct.DensityOf(_pattern);
        var registers = (rows + Simd.Lanes - 1) / Simd.Lanes;
        var single = SingleTime(rows, registers, (16.0 / _pattern.Columns) + (16.0 / _pattern.Depth), SparseProduct.FarBytesRead(_pattern, rows, threads), threads);
        return Choose([dense], string.Create(CultureInfo.InvariantCulture, $"{shape}, {Zeros}, {100 * (1 - blocks):F0} % in blocks"),
            [(() => Blocks(dense, rows, from, to), BlockTime(blocks)), (() => Single(dense, rows, from, to, threads), single)], Hopeless, chooser);
    }

    /// <summary>Chooses between the dense kernels of a convolution whose windows see several pixels and the one that skips zeros.</summary>
    /// <param name="dense">The dense ones, the usual one first.</param>
    /// <param name="denseTime">Time of the usual one over the direct convolution's.</param>
    /// <param name="name">Operator and sizes.</param>
    /// <param name="shape">Geometry.</param>
    /// <param name="readStride">Floats from one pixel read to the next, 0 if only its channels lie there.</param>
    /// <param name="writeStride">The same for pixels written.</param>
    /// <param name="threads">Threads of the session.</param>
    /// <param name="chooser">Asked where several kernels can; what it names and is not there is the usual one.</param>
    public ConvKernel ChooseWindow(IReadOnlyList<ConvKernel> dense, double denseTime, string name, ConvShape shape, int readStride, int writeStride, int threads, KernelChooser chooser)
    {
        var (w, strip) = (shape.Window, new SparseStrip(shape));
        var registers = w.Batch * ((strip.Places + Simd.Lanes - 1) / Simd.Lanes);
        var turning = 16.0 * w.StrideHeight * w.StrideWidth / (w.KernelHeight * w.KernelWidth * shape.OutChannels);
        var time = SingleTime(w.Batch * w.OutHeight * w.OutWidth, registers, WindowTime + turning + (16.0 / _pattern.Depth),
            SparseMatrix.FarBytesRead(_pattern, registers, strip.Tiles, threads), threads) / denseTime;
        var (from, to) = (readStride == 0 ? shape.InChannels : readStride, writeStride == 0 ? shape.OutChannels : writeStride);
        return Choose(dense, $"{name}, {Zeros}", [(() => Window(dense[0], shape, from, to, threads), time)], HopelessWindow, chooser);
    }

    private string Zeros => string.Create(CultureInfo.InvariantCulture, $"{100 * (1 - _pattern.Density):F0} % zeros");

    private static ConvKernel Choose(IReadOnlyList<ConvKernel> dense, string name, (Func<ConvKernel> Make, double Time)[] sparse, double hopeless, KernelChooser chooser)
    {
        var possible = sparse.Where(s => s.Time < hopeless).OrderBy(s => s.Time).ToArray();
        ConvKernel[] ordered = [.. possible.Where(s => s.Time < Worthwhile).Select(s => s.Make()), .. dense, .. possible.Where(s => s.Time >= Worthwhile).Select(s => s.Make())];
        if (ordered.Length == 1) return ordered[0];
        var kind = chooser(name, ordered);
        return Array.Find(ordered, c => c.Kind == kind) ?? ordered[0];
    }

    // Time over the direct kernel's, fitted to measurements (decision 11): what is multiplied, and what is done besides for every number read and written, in the
    // registers of pixels of the thread that has the most; and the places and numbers that every thread for itself waits for.
    private double SingleTime(int pixels, int registers, double besides, long farBytes, int threads)
    {
        var lanes = Simd.Lanes;
        var step = registers >= threads ? threads * SparseProduct.RegistersTogether : 1;
        registers = (registers + step - 1) / step * step;
        var idle = Math.Min(MostIdle, (double)registers * lanes / pixels);
        var denseCycles = (double)_pattern.Depth * _pattern.Columns / threads * Math.Max(pixels / (MultiplyAddsPerCycle * lanes), sizeof(float) / FarBytesPerCycle);
        return (idle * ((1.2 * _pattern.Density) + besides)) + (farBytes / FarBytesPerCycle / denseCycles);
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

    private ConvKernel Window(ConvKernel dense, ConvShape shape, int from, int to, int threads)
    {
        var convolution = new SparseConvolution(shape, _pattern);
        return dense with
        {
            Kind = "sparse",
            PackedSize = convolution.PackedSize,
            ScratchSize = convolution.ScratchSize(threads),
            Pack = (_, weights, packed) => convolution.Pack(weights, packed),
            Run = (WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* scratch) =>
                convolution.Run(pool, input, from, packed, output, to, epilogue, scratch),
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
