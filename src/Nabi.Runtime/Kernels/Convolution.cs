using System.Runtime.InteropServices;

namespace Nabi.Runtime.Kernels;

/// <summary>A single precision convolution of NHWC images, forward or transposed, made once per geometry and run any number of times.</summary>
/// <remarks>
/// <para>1 x 1 kernels of stride 1 are matrix products in place; other kernels gather through an <see cref="Indirection"/>, or without one where no
/// window touches padding; convolutions with one filter per channel are computed directly with channels in the lanes. Images are read where they
/// are, except small ones and those of very few channels (first layers), where finding the pixels would cost more than the products: they are padded
/// first, and then the images may as well be given plane by plane.</para>
/// <para>The transposed direction computes what ONNX calls ConvTranspose, which is also the gradient of the forward convolution with respect to its
/// input. It takes the shape of that forward convolution and reads images of the forward output's size.</para>
/// <para>An instance is immutable and may be used by several threads.</para>
/// </remarks>
public sealed unsafe class Convolution
{
    /// <summary>Images of up to so many channels are copied with their padding.</summary>
    private const int FewChannels = 4;

    /// <summary>So are images of up to so many floats: the copy stays in the second-level cache.</summary>
    private const long SmallImages = 128 * 1024;

    private readonly Indirection indirection;
    private readonly PaddedImage images;
    private readonly bool readsWindows;
    private readonly bool readsPlanes;

    /// <summary>Prepares a convolution.</summary>
    /// <param name="shape">Geometry of the forward convolution.</param>
    /// <param name="transposed">Whether to compute the transposed convolution: input [Batch, OutHeight, OutWidth, OutChannels],
    /// output [Batch, Height, Width, InChannels].</param>
    /// <param name="readStride">Floats from one pixel read to the next, where the channels read lie among others; 0 if they do not.</param>
    /// <param name="writeStride">Floats from one pixel written to the next, where the channels written lie among others; 0 if they do not.</param>
    /// <param name="readPlanes">Whether the images read are [Batch, InChannels, Height, Width]; see <see cref="CanReadPlanes"/>.</param>
    /// <exception cref="ArgumentException">A size is negative, channels do not divide into the groups, the kernel has more than 1024 taps, a
    /// stride is less than the channels, or planes cannot be read.</exception>
    public Convolution(in ConvShape shape, bool transposed = false, int readStride = 0, int writeStride = 0, bool readPlanes = false)
    {
        shape.Check();
        Shape = shape;
        IsTransposed = transposed;
        indirection = transposed ? Indirection.Transposed(shape.Window) : Indirection.Forward(shape.Window);
        ReadChannels = (transposed ? shape.OutChannels : shape.InChannels) / shape.Groups;
        WriteChannels = (transposed ? shape.InChannels : shape.OutChannels) / shape.Groups;
        ReadStride = Stride(readStride, ReadChannels * shape.Groups);
        WriteStride = Stride(writeStride, WriteChannels * shape.Groups);
        if (!transposed && !ReadsAmongOthers && CopiesImages(shape))
        {
            images = PaddedImage.Of(shape.Window);
            ScratchSize = images.Pixels * shape.InChannels;
        }
        else if (!transposed && !ReadsAmongOthers && GathersInOneBlock(shape) && !indirection.SeesPadding)
        {
            images = PaddedImage.AsIs(shape.Window);
        }
        readsWindows = images.Pixels > 0;
        readsPlanes = readPlanes;
        if (readPlanes && (ScratchSize == 0 || !CanReadPlanes(shape)))
            throw new ArgumentException("Only a convolution of few channels that copies its images first can read planes.", nameof(readPlanes));
    }

    /// <summary>Whether a forward convolution of this shape can read planes: it has few channels and copies its images anyway.</summary>
    /// <param name="shape">Geometry.</param>
    public static bool CanReadPlanes(in ConvShape shape) => shape.InChannels <= FewChannels && CopiesImages(shape);

    // Where no window touches padding, images are as good as their copy.
    private static bool CopiesImages(in ConvShape shape) =>
        GathersInOneBlock(shape) && PaddedImage.Of(shape.Window) is var padded && padded.Pixels > 0 && padded.SeesPadding
        && (padded.Pixels * shape.InChannels <= SmallImages || (shape.InChannels <= FewChannels && padded.IsModest(shape.Window)));

    /// <summary>Geometry of the forward convolution.</summary>
    public ConvShape Shape { get; }

    /// <summary>Whether this is the transposed direction.</summary>
    public bool IsTransposed { get; }

    /// <summary>Floats of the packed weights.</summary>
    public long PackedSize
    {
        get
        {
            var size = ZeroSize;
            foreach (var vertical in indirection.Vertical)
            {
                foreach (var horizontal in indirection.Horizontal)
                    size += PhaseSize(vertical, horizontal);
            }
            return size;
        }
    }

    /// <summary>Floats of scratch memory that make the run faster; often 0.</summary>
    public long ScratchSize { get; }

    private int Taps => Shape.Window.KernelHeight * Shape.Window.KernelWidth;

    /// <summary>Whether a row of the forward window is one stretch of memory, padding apart.</summary>
    private bool MergesColumns => !IsTransposed && Shape.Groups == 1 && Shape.Window.DilationWidth == 1 && !ReadsAmongOthers;

    private int ReadStride { get; }

    private int WriteStride { get; }

    private bool ReadsAmongOthers => ReadStride != ReadChannels * Shape.Groups;

    /// <summary>Channels read per group.</summary>
    private int ReadChannels { get; }

    /// <summary>Channels written per group.</summary>
    private int WriteChannels { get; }

    /// <summary>Zeros at the front of the packed weights, which padding points at.</summary>
    private long ZeroSize => Shape.IsDepthwise ? 0 : RoundUp((long)ReadChannels * Shape.Window.KernelWidth);

    /// <summary>Packs weights.</summary>
    /// <param name="weights">[OutChannels, InChannels / Groups, KernelHeight, KernelWidth], for both directions (for ConvTranspose this is ONNX's [C, M / group, kH, kW]).</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public void Pack(float* weights, float* packed)
    {
        new Span<float>(packed, checked((int)ZeroSize)).Clear();
        packed += ZeroSize;
        foreach (var vertical in indirection.Vertical)
        {
            foreach (var horizontal in indirection.Horizontal)
            {
                if (Shape.IsDepthwise)
                    PackDepthwise(weights, vertical, horizontal, packed);
                else
                    PackDense(weights, vertical, horizontal, packed);
                packed += PhaseSize(vertical, horizontal);
            }
        }
    }

    /// <summary>output = epilogue(convolution of input).</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="input">Images to read, [Batch, Height, Width, channels] unless it reads planes.</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="output">Images to write; must not overlap the input.</param>
    /// <param name="epilogue">Bias per output channel, residual (image of the output's shape), accumulation and activation.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats, or null to do without, unless it reads planes. The result is the same.</param>
    public void Run(WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* scratch = null)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (readsPlanes)
            ArgumentNullException.ThrowIfNull(scratch);
        if (readsWindows && (ScratchSize == 0 || scratch is not null))
        {
            RunWindows(pool, input, packed + ZeroSize, output, epilogue, scratch);
            return;
        }
        var zero = packed;
        packed += ZeroSize;
        foreach (var vertical in indirection.Vertical)
        {
            foreach (var horizontal in indirection.Horizontal)
            {
                var rows = ImageRows.Of(Shape.Window, IsTransposed, vertical, horizontal);
                rows.Source = input;
                rows.PixelStride = ReadStride;
                rows.Zero = zero;
                if (rows.Rows > 0)
                {
                    rows.MergesColumns = horizontal.Taps.Length > 1 && !ReadsAmongOthers && Shape.Groups == 1 && horizontal.TapStep == 1;
                    if (Shape.IsDepthwise)
                        RunDepthwise(pool, rows, vertical, horizontal, packed, output, epilogue);
                    else
                        RunGroups(pool, rows, packed, output, epilogue);
                }
                packed += PhaseSize(vertical, horizontal);
            }
        }
    }

    private static bool GathersInOneBlock(in ConvShape shape) =>
        !shape.IsDepthwise && !shape.Window.IsPointwise && shape.Window.KernelHeight * shape.Window.KernelWidth * (long)(shape.InChannels / shape.Groups) <= TileLoop.DepthBlock;

    private static long RoundUp(long floats) => (floats + 15) / 16 * 16;

    private static int Stride(int given, int channels) =>
        given == 0 ? channels : given >= channels ? given : throw new ArgumentException($"A stride of {given} is too little for {channels} channels.");

    private long PhaseSize(AxisPhase vertical, AxisPhase horizontal)
    {
        var taps = vertical.Taps.Length * horizontal.Taps.Length;
        return RoundUp(Shape.IsDepthwise ? DepthwiseKernel.PackedSize(Shape.Groups, taps) : Shape.Groups * Gemm.PackedSize(WriteChannels, taps * ReadChannels));
    }

    private void PackDepthwise(float* weights, AxisPhase vertical, AxisPhase horizontal, float* packed)
    {
        var taps = new int[vertical.Taps.Length * horizontal.Taps.Length];
        for (var i = 0; i < taps.Length; i++)
            taps[i] = (vertical.Taps[i / horizontal.Taps.Length] * Shape.Window.KernelWidth) + horizontal.Taps[i % horizontal.Taps.Length];
        DepthwiseKernel.Pack(weights, Shape.Groups, Taps, taps, packed);
    }

    private void PackDense(float* weights, AxisPhase vertical, AxisPhase horizontal, float* packed)
    {
        var kernel = (long)Shape.Window.KernelHeight * Shape.Window.KernelWidth;
        var readStride = IsTransposed ? WriteChannels * kernel : kernel;
        var writeStride = IsTransposed ? kernel : ReadChannels * kernel;
        var width = TileLoop.PanelColumns;
        for (var g = 0; g < Shape.Groups; g++)
        {
            var group = weights + (g * ReadChannels * WriteChannels * kernel);
            for (var column = 0; column < WriteChannels; column += width)
            {
                var columns = Math.Min(width, WriteChannels - column);
                foreach (var y in vertical.Taps)
                {
                    foreach (var x in horizontal.Taps)
                    {
                        var source = group + (column * writeStride) + (y * Shape.Window.KernelWidth) + x;
                        PanelPacking.Pack(source, readStride, writeStride, ReadChannels, columns, width, packed);
                        packed += (long)ReadChannels * width;
                    }
                }
            }
        }
    }

    private void RunGroups(WorkPool pool, ImageRows rows, float* packed, float* output, in Epilogue epilogue)
    {
        rows.Channels = ReadChannels;
        var groupSize = Gemm.PackedSize(WriteChannels, rows.Depth);
        for (var g = 0; g < Shape.Groups; g++)
        {
            var sink = SinkOf(g, output, epilogue);
            var work = (long)rows.Rows * WriteChannels * Math.Max(1, rows.Depth);
            if (Shape.Window.IsPointwise)
            {
                var dense = new TileKernel<DenseRows, FloatSink> { Packed = packed, Columns = WriteChannels, Sink = sink };
                dense.Source = new DenseRows(rows.Source + (g * ReadChannels), rows.PixelStride, rows.Rows, ReadChannels);
                pool.Run(ref dense, work);
            }
            else
            {
                var gather = new TileKernel<ImageRows, FloatSink> { Packed = packed, Columns = WriteChannels, Sink = sink, Source = rows };
                gather.Source.Source += g * ReadChannels;
                pool.Run(ref gather, work);
            }
            packed += groupSize;
        }
    }

    private void RunWindows(WorkPool pool, float* input, float* packed, float* output, in Epilogue epilogue, float* scratch)
    {
        if (ScratchSize > 0)
        {
            var copy = new CopyKernel { Images = images, Copy = new CopyPixels(input, scratch, Shape.InChannels, readsPlanes ? (long)Shape.Window.Height * Shape.Window.Width : 0) };
            pool.Run(ref copy, ScratchSize);
            input = scratch;
        }
        var depth = (MergesColumns ? Shape.Window.KernelWidth : 1) * ReadChannels;
        var rows = WindowRows.Of(Shape.Window, images, (long)Shape.InChannels * sizeof(float), MergesColumns, depth);
        for (var g = 0; g < Shape.Groups; g++)
        {
            rows.Source = (byte*)(input + (g * ReadChannels));
            var kernel = new TileKernel<WindowRows, FloatSink> { Source = rows, Packed = packed, Columns = WriteChannels, Sink = SinkOf(g, output, epilogue) };
            pool.Run(ref kernel, (long)rows.Rows * WriteChannels * rows.Depth);
            packed += Gemm.PackedSize(WriteChannels, rows.Depth);
        }
    }

    private FloatSink SinkOf(int group, float* output, in Epilogue epilogue)
    {
        var start = group * WriteChannels;
        return new FloatSink(output + start, WriteStride, epilogue with
        {
            Bias = epilogue.Bias is null ? null : epilogue.Bias + start,
            Residual = epilogue.Residual is null ? null : epilogue.Residual + start,
        });
    }

    private void RunDepthwise(WorkPool pool, ImageRows rows, AxisPhase vertical, AxisPhase horizontal, float* packed, float* output, in Epilogue epilogue)
    {
        rows.Channels = Shape.Groups;
        var kernel = new DepthwiseKernel
        {
            Source = rows,
            Weights = packed,
            RowTapStep = vertical.TapStep,
            ColumnTapStep = horizontal.TapStep,
            Sink = new FloatSink(output, WriteStride, epilogue),
        };
        pool.Run(ref kernel, (long)rows.Rows * Math.Max(1, rows.Depth));
    }

    private struct CopyKernel : IKernel
    {
        public PaddedImage Images;
        public CopyPixels Copy;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged => Images.Fill(Copy, worker, workers);
    }

    /// <summary>Copies pixels, or makes them of planes.</summary>
    /// <param name="input">Images.</param>
    /// <param name="output">Receives pixels.</param>
    /// <param name="channels">Channels of a pixel.</param>
    /// <param name="plane">Pixels of a plane if the images are planes, else 0.</param>
    private readonly struct CopyPixels(float* input, float* output, int channels, long plane) : IPixelCopy
    {
        public void Zero(long target, long count) => NativeMemory.Clear(output + (target * channels), (nuint)(count * channels * sizeof(float)));

        public void Copy(long source, long target, long count)
        {
            if (plane == 0)
            {
                NativeMemory.Copy(input + (source * channels), output + (target * channels), (nuint)(count * channels * sizeof(float)));
                return;
            }
            var (image, pixel) = Math.DivRem(source, plane);
            PlaneWeave.Run((uint*)(input + (image * plane * channels) + pixel), plane, channels, (uint*)(output + (target * channels)), count);
        }
    }
}
