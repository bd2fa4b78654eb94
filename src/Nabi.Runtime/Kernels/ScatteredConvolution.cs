using System.Runtime.InteropServices;

namespace Nabi.Runtime.Kernels;

/// <summary>
/// A transposed convolution as a product and a scatter: every pixel read is multiplied with the whole filters, and the products are added where its window
/// lies. Nothing is multiplied that falls on padding, and a filter's taps and channels together fill the lanes where the channels alone would not.
/// </summary>
/// <remarks>
/// The other way, gathering for every pixel written, is <see cref="Convolution"/>. A worker does whole images, some lines at a time, whose products stay in the
/// second-level cache; each element is added up in the same order for any number of workers.
/// </remarks>
internal sealed unsafe class ScatteredConvolution
{
    /// <summary>Bytes of products that lie between multiplying and adding.</summary>
    private const long BlockBytes = 128 * 1024;

    private readonly ConvShape shape;
    private readonly int blockLines;

    /// <summary>Prepares a convolution of one group.</summary>
    /// <param name="shape">Geometry of the forward convolution; images of its output's size are read and of its input's size written.</param>
    public ScatteredConvolution(in ConvShape shape)
    {
        shape.Check();
        this.shape = shape;
        blockLines = (int)Math.Clamp(BlockBytes / (Math.Max(1, shape.Window.OutWidth) * RowSize * sizeof(float)), 1, Math.Max(1, shape.Window.OutHeight));
    }

    /// <summary>Floats of the packed weights.</summary>
    public long PackedSize => Gemm.PackedSize(Columns, shape.OutChannels);

    private int Columns => shape.InChannels * shape.Window.KernelHeight * shape.Window.KernelWidth;

    /// <summary>Floats from the products of one pixel to those of the next.</summary>
    private long RowSize => (Columns + 15L) / 16 * 16;

    private long BlockSize => blockLines * shape.Window.OutWidth * RowSize;

    /// <summary>Whether there are images enough for the workers, and less to do than by gathering.</summary>
    public static bool IsCheaper(in ConvShape shape)
    {
        var w = shape.Window;
        if (shape.Groups > 1 || w.Batch < LeastImages || w.IsPointwise || (long)shape.OutChannels * w.OutHeight * w.OutWidth == 0) return false;
        var (lanes, taps) = ((long)Simd.Lanes, (long)w.KernelHeight * w.KernelWidth);
        var gathered = (long)w.Height * w.Width * (GatherOverhead + (((shape.InChannels + lanes - 1) / lanes) * shape.OutChannels * taps / (w.StrideHeight * w.StrideWidth)));
        var registers = ((shape.InChannels * taps) + lanes - 1) / lanes;
        var scattered = (long)w.OutHeight * w.OutWidth * registers * (shape.OutChannels + AddCost);
        return scattered < gathered;
    }

    private const int LeastImages = 8;

    // In multiply-adds of one register: finding the pixels of a row to gather, and adding a register of products.
    private const int GatherOverhead = 28;
    private const int AddCost = 6;

    /// <summary>Floats of scratch memory.</summary>
    /// <param name="workers">Size of the pool.</param>
    public long ScratchSize(int workers) => BlockSize * workers;

    /// <summary>Packs weights.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="weights">[OutChannels, InChannels, KernelHeight, KernelWidth].</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public void Pack(WorkPool pool, float* weights, float* packed)
    {
        var kernel = new PackKernel { Weights = weights, Packed = packed, Depth = shape.OutChannels, Channels = shape.InChannels, Columns = Columns };
        pool.Run(ref kernel, PackedSize);
    }

    /// <summary>output = transposed convolution of input, plus the residual or the old content.</summary>
    /// <param name="pool">Shares the images.</param>
    /// <param name="input">[Batch, OutHeight, OutWidth, OutChannels].</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="output">[Batch, Height, Width, InChannels].</param>
    /// <param name="residual">An image of the output's shape that is added, or null.</param>
    /// <param name="accumulate">Whether to add to the old content.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public void Run(WorkPool pool, float* input, float* packed, float* output, float* residual, bool accumulate, float* scratch)
    {
        var kernel = new ScatterKernel
        {
            Shape = shape, Input = input, Packed = packed, Output = output, Residual = residual, Accumulates = accumulate,
            Columns = Columns, RowSize = RowSize, BlockLines = blockLines, Scratch = scratch, BlockSize = BlockSize,
        };
        pool.Run(ref kernel, shape.MultiplyAdds);
    }

    private struct PackKernel : IKernel
    {
        public float* Weights;
        public float* Packed;
        public int Depth;
        public int Channels;
        public int Columns;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var width = 2 * L.Count;
            var taps = Columns / Channels;
            var (panel, last) = WorkPool.Share((Columns + width - 1) / width, worker, workers);
            for (; panel < last; panel++)
            {
                var target = Packed + ((long)panel * Depth * width);
                for (var j = 0; j < width; j++)
                {
                    var (tap, channel) = Math.DivRem((panel * width) + j, Channels);
                    var source = Weights + ((long)channel * taps) + tap;
                    for (var k = 0; k < Depth; k++) target[(k * width) + j] = tap < taps ? source[(long)k * Columns] : 0f;
                }
            }
        }
    }

    private struct ScatterKernel : IKernel
    {
        public ConvShape Shape;
        public float* Input;
        public float* Packed;
        public float* Output;
        public float* Residual;
        public bool Accumulates;
        public int Columns;
        public long RowSize;
        public int BlockLines;
        public float* Scratch;
        public long BlockSize;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var w = Shape.Window;
            var products = Scratch + (worker * BlockSize);
            var (image, last) = WorkPool.Share(w.Batch, worker, workers);
            for (; image < last; image++)
            {
                var size = (long)w.Height * w.Width * Shape.InChannels;
                var output = Output + (image * size);
                if (Residual is not null) NativeMemory.Copy(Residual + (image * size), output, (nuint)(size * sizeof(float)));
                else if (!Accumulates) NativeMemory.Clear(output, (nuint)(size * sizeof(float)));
                for (var y = 0; y < w.OutHeight; y += BlockLines)
                {
                    var lines = Math.Min(BlockLines, w.OutHeight - y);
                    var input = Input + ((((long)image * w.OutHeight) + y) * w.OutWidth * Shape.OutChannels);
                    new TileKernel<DenseRows, FloatSink>
                    {
                        Source = new DenseRows(input, Shape.OutChannels, lines * w.OutWidth, Shape.OutChannels), Packed = Packed, Columns = Columns, Sink = new FloatSink(products, RowSize, default),
                    }.Run<L, V>(0, 1);
                    for (var line = 0; line < lines; line++) Scatter<L, V>(y + line, products + (line * w.OutWidth * RowSize), output);
                }
            }
        }

        /// <summary>Adds the products of a line of pixels to the lines of the image under its windows.</summary>
        private readonly void Scatter<L, V>(int y, float* products, float* image)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var w = Shape.Window;
            var isStretch = w.DilationWidth == 1;
            var (count, pixels) = isStretch ? (1, w.KernelWidth) : (w.KernelWidth, 1);
            for (var x = 0; x < w.OutWidth; x++, products += RowSize)
            {
                for (var ty = 0; ty < w.KernelHeight; ty++)
                {
                    var row = (y * w.StrideHeight) + (ty * w.DilationHeight) - w.PadTop;
                    if (row < 0 || row >= w.Height) continue;
                    for (var tx = 0; tx < count; tx++)
                    {
                        var column = (x * w.StrideWidth) + (tx * w.DilationWidth) - w.PadLeft;
                        var (first, end) = (Math.Max(0, -column), Math.Min(pixels, w.Width - column));
                        if (first >= end) continue;
                        var from = products + (((((long)ty * w.KernelWidth) + tx + first)) * Shape.InChannels);
                        Add<L, V>(from, image + ((((long)row * w.Width) + column + first) * Shape.InChannels), (nint)(end - first) * Shape.InChannels);
                    }
                }
            }
        }

        private static void Add<L, V>(float* from, float* to, nint count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            nint i = 0;
            for (; i <= count - L.Count; i += L.Count) L.Store(L.Add(L.Load(to + i), L.Load(from + i)), to + i);
            if (i < count) Simd.StorePart(L.Add(Simd.LoadPart<V>(to + i, (int)(count - i)), Simd.LoadPart<V>(from + i, (int)(count - i))), to + i, (int)(count - i));
        }
    }
}
