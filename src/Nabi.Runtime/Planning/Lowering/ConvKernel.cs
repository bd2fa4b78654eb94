using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Packs weights for a convolution.</summary>
internal unsafe delegate void ConvPacking(WorkPool pool, float* weights, float* packed);

/// <summary>Runs a convolution.</summary>
internal unsafe delegate void ConvRun(WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* scratch);

/// <summary>Names the kernel to take for a shape, of candidates the first of which is the usual one.</summary>
internal delegate string KernelChooser(string shape, IReadOnlyList<ConvKernel> candidates);

/// <summary>A kernel that a convolution can run on.</summary>
/// <param name="Kind">Names it in plans.</param>
/// <param name="PackedSize">Floats of its packed weights.</param>
/// <param name="ScratchSize">Floats of its scratch memory.</param>
/// <param name="Pack">Packs weights.</param>
/// <param name="Run">Runs it.</param>
internal sealed unsafe record ConvKernel(string Kind, long PackedSize, long ScratchSize, ConvPacking Pack, ConvRun Run)
{
    /// <summary>Floats of the images read, as far as they are touched.</summary>
    public long InputSize { get; init; }

    /// <summary>Floats of the images written, as far as they are touched.</summary>
    public long OutputSize { get; init; }

    /// <summary>Floats of the weights.</summary>
    public long WeightSize { get; init; }

    /// <summary>Chooses.</summary>
    /// <param name="shape">Geometry of the forward convolution.</param>
    /// <param name="transposed">Whether to compute the transposed convolution.</param>
    /// <param name="readStride">Floats from one pixel read to the next, 0 if only its channels lie there.</param>
    /// <param name="writeStride">Floats from one pixel written to the next, 0 if only its channels lie there.</param>
    /// <param name="readsPlanes">Whether the input lies row-major, channel by channel.</param>
    /// <param name="packsOnce">Whether the weights are packed once for all runs.</param>
    /// <param name="threads">Threads of the session.</param>
    /// <param name="chooser">Asked where several kernels can; what it names and is not there is the usual one.</param>
    /// <param name="sparse">The weights' zeros, for convolutions of one group that are not transposed.</param>
    public static ConvKernel Choose(
        in ConvShape shape, bool transposed, int readStride, int writeStride, bool readsPlanes, bool packsOnce, int threads, KernelChooser chooser, SparseWeights? sparse)
    {
        var direct = Direct(shape, transposed, readStride, writeStride, readsPlanes);
        if (!packsOnce || readsPlanes) return direct;
        var name = NameOf(shape, transposed, readStride, writeStride);
        if (sparse is not null && shape.Window.IsPointwise)
            return sparse.ChooseProduct(direct, name, shape.Window.Batch * shape.Window.OutHeight * shape.Window.OutWidth, readStride, writeStride, threads, chooser);
        var usual = WinogradTileOf(shape, transposed);
        var dense = new List<ConvKernel> { direct };
        if (WinogradConvolution.Takes(shape))
            foreach (var tile in (int[])[2, 4]) dense.Insert(tile == usual ? 0 : dense.Count, Winograd(shape, tile, transposed, readStride, writeStride, threads));
        if (sparse is not null) return sparse.ChooseWindow(dense, WinogradTime(shape, usual), name, shape, readStride, writeStride, threads, chooser);
        if (dense.Count == 1) return direct;
        var kind = chooser(name, dense);
        return dense.Find(c => c.Kind == kind) ?? dense[0];
    }

    private static ConvKernel Winograd(in ConvShape shape, int tile, bool transposed, int readStride, int writeStride, int threads)
    {
        var winograd = new WinogradConvolution(shape, tile, transposed, readStride, writeStride);
        return Sized(new ConvKernel($"winograd{tile}", winograd.PackedSize, winograd.ScratchSize(threads), winograd.Pack, winograd.Run), shape, transposed, readStride, writeStride);
    }

    private static ConvKernel Direct(in ConvShape shape, bool transposed, int readStride, int writeStride, bool readsPlanes)
    {
        var convolution = new Convolution(shape, transposed, readStride, writeStride, readsPlanes);
        var kind = shape.IsDepthwise ? "depthwise" : shape.Window.IsPointwise ? "pointwise" : "direct";
        return Sized(new ConvKernel(kind, convolution.PackedSize, convolution.ScratchSize, (_, weights, packed) => convolution.Pack(weights, packed), convolution.Run),
            shape, transposed, readStride, writeStride);
    }

    private static ConvKernel Sized(ConvKernel kernel, in ConvShape shape, bool transposed, int readStride, int writeStride)
    {
        var w = shape.Window;
        var (image, result) = ((long)w.Batch * w.Height * w.Width, (long)w.Batch * w.OutHeight * w.OutWidth);
        var (read, written) = transposed ? (result * shape.OutChannels, image * shape.InChannels) : (image * shape.InChannels, result * shape.OutChannels);
        return kernel with
        {
            InputSize = readStride == 0 ? read : (transposed ? result : image) * readStride,
            OutputSize = writeStride == 0 ? written : (transposed ? image : result) * writeStride,
            WeightSize = shape.WeightSize,
        };
    }

    private static string NameOf(in ConvShape shape, bool transposed, int readStride, int writeStride)
    {
        var w = shape.Window;
        var strides = $"{(readStride == 0 ? "" : $" from {readStride}")}{(writeStride == 0 ? "" : $" into {writeStride}")}";
        return $"{(transposed ? "conv-transposed" : "conv")} {w.KernelHeight}x{w.KernelWidth} {w.Batch}x{w.Height}x{w.Width}x{shape.InChannels} -> {w.OutHeight}x{w.OutWidth}x{shape.OutChannels}{strides}";
    }

    /// <summary>Outputs along an axis of Winograd's tiles where they measured faster (decision 9), 0 where the direct convolution stays.</summary>
    private static int WinogradTileOf(in ConvShape shape, bool transposed)
    {
        if (!WinogradConvolution.Takes(shape) || Math.Min(shape.InChannels, shape.OutChannels) < FewestChannels) return 0;
        var w = shape.Window;
        var (height, width) = transposed ? (w.Height, w.Width) : (w.OutHeight, w.OutWidth);
        var tiles = (long)w.Batch * ((height + 3) / 4) * ((width + 3) / 4);
        var bytes = 36L * sizeof(float) * shape.InChannels * shape.OutChannels;
        return tiles >= ManyTiles || bytes <= SmallFilters ? 4 : 2;
    }

    // Over the direct convolution's: the products saved, and transforms that few channels share (decision 11's tables).
    private static double WinogradTime(in ConvShape shape, int tile) => tile switch
    {
        4 => 0.28 + (5.0 / Math.Min(shape.InChannels, shape.OutChannels)),
        2 => 0.5 + (5.0 / Math.Min(shape.InChannels, shape.OutChannels)),
        _ => 1,
    };

    /// <summary>With fewer channels the transforms cost more than the products.</summary>
    private const int FewestChannels = 16;

    /// <summary>So many tiles of 4 x 4 outputs are worth reading filters of any size: four times the size against 1.8 times with 2 x 2 outputs.</summary>
    private const int ManyTiles = 32;

    /// <summary>Bytes of packed filters that may still be in the third-level cache at the next run.</summary>
    private const long SmallFilters = 4 << 20;
}
