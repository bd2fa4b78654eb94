using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Packs weights for a convolution.</summary>
internal unsafe delegate void ConvPacking(WorkPool pool, float* weights, float* packed);

/// <summary>Runs a convolution.</summary>
internal unsafe delegate void ConvRun(WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* scratch);

/// <summary>The kernel a convolution runs on.</summary>
/// <param name="Kind">Names it in plans.</param>
/// <param name="PackedSize">Floats of its packed weights.</param>
/// <param name="ScratchSize">Floats of its scratch memory.</param>
/// <param name="Pack">Packs weights.</param>
/// <param name="Run">Runs it.</param>
internal sealed unsafe record ConvKernel(string Kind, long PackedSize, long ScratchSize, ConvPacking Pack, ConvRun Run)
{
    /// <summary>Chooses.</summary>
    /// <param name="shape">Geometry of the forward convolution.</param>
    /// <param name="transposed">Whether to compute the transposed convolution.</param>
    /// <param name="readStride">Floats from one pixel read to the next.</param>
    /// <param name="writeStride">Floats from one pixel written to the next.</param>
    /// <param name="readsPlanes">Whether the input lies row-major, channel by channel.</param>
    /// <param name="packsOnce">Whether the weights are packed once for all runs.</param>
    /// <param name="threads">Threads of the session.</param>
    public static ConvKernel Choose(in ConvShape shape, bool transposed, int readStride, int writeStride, bool readsPlanes, bool packsOnce, int threads)
    {
        if (packsOnce && !readsPlanes && WinogradTileOf(shape, transposed) is var tile and > 0)
        {
            var winograd = new WinogradConvolution(shape, tile, transposed, readStride, writeStride);
            return new ConvKernel($"winograd{tile}", winograd.PackedSize, winograd.ScratchSize(threads), winograd.Pack, winograd.Run);
        }
        var convolution = new Convolution(shape, transposed, readStride, writeStride, readsPlanes);
        var kind = shape.IsDepthwise ? "depthwise" : shape.Window.IsPointwise ? "pointwise" : "direct";
        return new ConvKernel(kind, convolution.PackedSize, convolution.ScratchSize, (_, weights, packed) => convolution.Pack(weights, packed), convolution.Run);
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

    /// <summary>With fewer channels the transforms cost more than the products.</summary>
    private const int FewestChannels = 16;

    /// <summary>So many tiles of 4 x 4 outputs are worth reading filters of any size: four times the size against 1.8 times with 2 x 2 outputs.</summary>
    private const int ManyTiles = 32;

    /// <summary>Bytes of packed filters that may still be in the third-level cache at the next run.</summary>
    private const long SmallFilters = 4 << 20;
}
