namespace Nabi.Runtime.Kernels;

/// <summary>A single precision 3 x 3 convolution of stride 1 of NHWC images by Winograd's minimal filtering, F(2 x 2, 3 x 3) or F(4 x 4, 3 x 3).</summary>
/// <remarks>
/// <para>A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015). The image is cut into tiles of m x m outputs, each seeing
/// (m + 2) x (m + 2) pixels; tiles and filters are transformed (section 4.1), multiplied as (m + 2)^2 matrices [tiles x channels] x [channels x filters]
/// and transformed back. Instead of 9 an output takes (m + 2)^2 / m^2 products per channel: 4 with m = 2, 2.25 with m = 4. Packed filters are
/// (m + 2)^2 / 9 as large as the filters, 1.8 and 4 times.</para>
/// <para>Results differ from a direct convolution's by rounding: with m = 2 errors are no larger, with m = 4 about twice as large.</para>
/// <para>Every result is one chain of operations that depends on the sizes alone, so that the number of workers changes nothing.</para>
/// <para>An instance is immutable and may be used by several threads.</para>
/// </remarks>
public sealed unsafe class WinogradConvolution
{
    private readonly WinogradGrid grid;
    private readonly bool isTransposed;
    private readonly int readStride;
    private readonly int writeStride;

    /// <summary>Prepares a convolution.</summary>
    /// <param name="shape">Geometry of the forward convolution; see <see cref="Takes"/>.</param>
    /// <param name="outputs">Rows and columns of outputs of a tile, 2 or 4.</param>
    /// <param name="transposed">Whether to compute the transposed convolution: input [Batch, OutHeight, OutWidth, OutChannels],
    /// output [Batch, Height, Width, InChannels].</param>
    /// <param name="readStride">Floats from one pixel read to the next, where the channels read lie among others; 0 if they do not.</param>
    /// <param name="writeStride">Floats from one pixel written to the next, where the channels written lie among others; 0 if they do not.</param>
    /// <exception cref="ArgumentException">The shape is not one it takes, the tile has another size or a stride is less than the channels.</exception>
    public WinogradConvolution(in ConvShape shape, int outputs, bool transposed = false, int readStride = 0, int writeStride = 0)
    {
        shape.Check();
        if (!Takes(shape)) throw new ArgumentException("Winograd's algorithm takes 3 x 3 kernels of stride 1 without dilation and groups.", nameof(shape));
        if (outputs is not (2 or 4)) throw new ArgumentOutOfRangeException(nameof(outputs), outputs, "Tiles have 2 x 2 or 4 x 4 outputs.");
        isTransposed = transposed;
        grid = new WinogradGrid(shape, transposed, outputs);
        this.readStride = Stride(readStride, grid.ReadChannels);
        this.writeStride = Stride(writeStride, grid.WriteChannels);
    }

    /// <summary>Floats of the packed weights.</summary>
    public long PackedSize => grid.Panels * grid.PanelSize;

    /// <summary>Whether the algorithm can compute a convolution: 3 x 3, stride 1, one group, no dilation.</summary>
    /// <param name="shape">Geometry of the forward convolution.</param>
    public static bool Takes(in ConvShape shape) =>
        shape is { Groups: 1, Window: { KernelHeight: 3, KernelWidth: 3, StrideHeight: 1, StrideWidth: 1, DilationHeight: 1, DilationWidth: 1 } };

    /// <summary>Floats of scratch memory that <see cref="Run"/> needs.</summary>
    /// <param name="workers">Size of the pool.</param>
    public long ScratchSize(int workers) => grid.WorkerScratch * workers;

    /// <summary>Transforms and packs weights.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="weights">[OutChannels, InChannels, 3, 3], for both directions.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public void Pack(WorkPool pool, float* weights, float* packed)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (grid.Outputs == 2)
            Pack<WinogradTile2>(pool, weights, packed);
        else
            Pack<WinogradTile4>(pool, weights, packed);
    }

    /// <summary>output = epilogue(convolution of input).</summary>
    /// <param name="pool">Shares the work by tiles or by output channels.</param>
    /// <param name="input">Images to read.</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="output">Images to write; must not overlap the input.</param>
    /// <param name="epilogue">Bias per output channel, residual (image of the output's shape), accumulation and activation.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public void Run(WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (grid.Outputs == 2)
            Run<WinogradTile2>(pool, input, packed, output, epilogue, scratch);
        else
            Run<WinogradTile4>(pool, input, packed, output, epilogue, scratch);
    }

    private static int Stride(int given, int channels) =>
        given == 0 ? channels : given >= channels ? given : throw new ArgumentException($"A stride of {given} is too little for {channels} channels.");

    private void Pack<TTile>(WorkPool pool, float* weights, float* packed)
        where TTile : unmanaged, IWinogradTile
    {
        var kernel = new WinogradPacking<TTile>
        {
            Grid = grid,
            Weights = weights,
            Packed = packed,
            ReadStride = isTransposed ? grid.WriteChannels * 9 : 9,
            WriteStride = isTransposed ? 9 : grid.ReadChannels * 9,
            IsFlipped = isTransposed,
        };
        pool.Run(ref kernel, PackedSize);
    }

    private void Run<TTile>(WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* scratch)
        where TTile : unmanaged, IWinogradTile
    {
        if (grid.Tiles == 0)
            return;
        var kernel = new WinogradKernel<TTile>
        {
            Grid = grid,
            Input = new WinogradInput<TTile>(grid, input, readStride),
            Packed = packed,
            Output = new WinogradOutput<TTile>(grid, output, writeStride, epilogue),
            Scratch = scratch,
        };
        pool.Run(ref kernel, (long)grid.Tiles * grid.Products * grid.ReadChannels * grid.WriteChannels);
    }
}
