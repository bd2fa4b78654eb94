namespace Nabi.Runtime.Kernels;

/// <summary>A convolution of NHWC images by filters of many zeros, by their single numbers; windows of any size, stride, dilation and padding, one group.</summary>
/// <remarks>
/// <para>Strips of rows are turned channel by channel (<see cref="SparseStrip"/>), then every number of a filter that is not zero is multiplied with a register of
/// neighbouring windows' pixels, as <see cref="SparseProduct"/> does with a matrix's. Windows are not copied out: a number's tap is a distance within the strip.</para>
/// <para>Zeros are never multiplied. A result is one chain of multiply-adds over its filter's numbers in code, and the sum of two in lists: neither the number of
/// workers nor the place of a pixel changes bits. An instance is immutable and may be used by several threads.</para>
/// </remarks>
internal sealed unsafe class SparseConvolution
{
    private readonly SparseStrip strip;
    private readonly SparseMatrix matrix;
    private readonly long filterSize;

    /// <summary>Prepares a convolution.</summary>
    /// <param name="shape">Its geometry, of one group.</param>
    /// <param name="pattern">Where the filters are not zero: a column for each, of [InChannels, KernelHeight, KernelWidth] numbers.</param>
    /// <param name="emits">Whether it may be compiled into code; else it never is.</param>
    public SparseConvolution(in ConvShape shape, SparsePattern pattern, bool emits = true)
    {
        shape.Check();
        strip = new SparseStrip(shape);
        filterSize = pattern.Depth;
        matrix = (emits ? SparseMatrix.AsCode(pattern, strip.OffsetOf) : null) ?? SparseMatrix.AsLists(pattern, strip.OffsetOf);
    }

    /// <summary>Floats of the packed filters.</summary>
    public long PackedSize => matrix.PackedSize;

    /// <summary>Floats of scratch memory.</summary>
    /// <param name="workers">Size of the pool.</param>
    public long ScratchSize(int workers) => workers * matrix.WorkerScratch(strip.Size, strip.Tiles);

    /// <summary>Packs the filters.</summary>
    /// <param name="weights">[OutChannels, InChannels, KernelHeight, KernelWidth], with zeros where the pattern has them.</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public void Pack(float* weights, float* packed) => matrix.Pack(weights, filterSize, 1, packed);

    /// <summary>Computes the convolution.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="input">The images.</param>
    /// <param name="readStride">Floats from one pixel read to the next.</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="output">The result; must not overlap the input.</param>
    /// <param name="writeStride">Floats from one pixel written to the next.</param>
    /// <param name="epilogue">Bias, residual, accumulation and activation.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public void Run(WorkPool pool, float* input, long readStride, float* packed, float* output, long writeStride, in Epilogue epilogue, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        matrix.Run(pool, new TurnedImages(strip, input, readStride), packed, new SparseRows(output, writeStride, epilogue), scratch, strip.Size, strip.Tiles, SparseTiles.Registers);
    }
}
