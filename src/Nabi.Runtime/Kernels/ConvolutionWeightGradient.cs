namespace Nabi.Runtime.Kernels;

/// <summary>The gradient of a convolution with respect to its weights: dW[o, i, y, x] = sum over output pixels of input under the tap times output gradient.</summary>
/// <remarks>
/// Dense convolutions are <see cref="PixelProducts"/>; grouped ones, and those of a few channels, products A^T B over the pixels with A gathered through
/// the taps; depthwise ones are summed directly. The number of workers changes at most the last bits. The gradient with respect to the input is <see cref="Convolution"/> in its transposed
/// direction, the gradient of a bias a <see cref="Reduction"/> of columns.
/// </remarks>
public sealed unsafe class ConvolutionWeightGradient
{
    private readonly ConvShape shape;
    private readonly Indirection indirection;
    private readonly PixelProducts? products;

    /// <summary>Prepares the gradient.</summary>
    /// <param name="shape">Geometry of the forward convolution.</param>
    /// <exception cref="ArgumentException">As for <see cref="Convolution"/>.</exception>
    public ConvolutionWeightGradient(in ConvShape shape)
    {
        shape.Check();
        this.shape = shape;
        indirection = Indirection.Forward(shape.Window);
        products = PixelProducts.For(shape, indirection.SeesPadding);
    }

    private int InGroup => shape.InChannels / shape.Groups;

    private int OutGroup => shape.OutChannels / shape.Groups;

    private int Taps => shape.Window.KernelHeight * shape.Window.KernelWidth;

    /// <summary>Floats of scratch memory.</summary>
    /// <param name="workers">Size of the pool.</param>
    public long ScratchSize(int workers) => products is { } p ? (shape.WeightSize + p.CopySize) * workers : Zeros + (shape.IsDepthwise
        ? shape.WeightSize * Slices
        : shape.WeightSize + (DepthLoop.ScratchSize(OutGroup) * workers));

    private int Slices => DepthwiseWeightGradientKernel.Slices(shape.Window.Batch * shape.Window.OutHeight);

    /// <summary>Zeros that padding points at.</summary>
    private int Zeros => (shape.IsDepthwise ? shape.Groups : InGroup) + 16;

    /// <summary>Computes the gradient.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="input">[Batch, Height, Width, InChannels].</param>
    /// <param name="outputGradient">[Batch, OutHeight, OutWidth, OutChannels].</param>
    /// <param name="weightGradient">[OutChannels, InChannels / Groups, KernelHeight, KernelWidth].</param>
    /// <param name="accumulate">Whether to add to the old content.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public void Run(WorkPool pool, float* input, float* outputGradient, float* weightGradient, bool accumulate, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (products is { } direct)
        {
            direct.Input = input;
            direct.OutputGradient = outputGradient;
            direct.Sums = scratch;
            direct.Slices = pool.Workers;
            direct.Copies = scratch + (shape.WeightSize * pool.Workers);
            pool.Run(ref direct, shape.MultiplyAdds);
            AddUp(pool, scratch, pool.Workers);
            Store(pool, scratch, direct.HasInputInLanes, weightGradient, accumulate);
            return;
        }
        new Span<float>(scratch, Zeros).Clear();
        var rows = ImageRows.Of(shape.Window, transposed: false, indirection.Vertical[0], indirection.Horizontal[0]);
        rows.PixelStride = shape.InChannels;
        rows.Zero = scratch;
        var result = scratch + Zeros;
        if (shape.IsDepthwise)
        {
            rows.Channels = shape.Groups;
            rows.Source = input;
            var kernel = new DepthwiseWeightGradientKernel { Source = rows, OutputGradient = outputGradient, RowStride = shape.Window.StrideHeight, Sums = result };
            pool.Run(ref kernel, (long)rows.Rows * Taps * shape.Groups);
            AddUp(pool, result, Slices);
        }
        else
        {
            rows.Channels = InGroup;
            for (var g = 0; g < shape.Groups; g++)
            {
                rows.Source = input + (g * InGroup);
                var kernel = new DepthKernel<PixelColumns>
                {
                    Source = new PixelColumns { Image = rows },
                    B = outputGradient + (g * OutGroup),
                    Stride = shape.OutChannels,
                    Columns = OutGroup,
                    Sink = new FloatSink(result + ((long)g * Taps * InGroup * OutGroup), OutGroup, default),
                    Scratch = result + shape.WeightSize,
                };
                pool.Run(ref kernel, (long)rows.Rows * Taps * InGroup * OutGroup);
            }
        }
        Store(pool, result, isOutFirst: false, weightGradient, accumulate);
    }

    private void AddUp(WorkPool pool, float* sums, int slices)
    {
        var add = new AddSlices { Sums = sums, Size = shape.WeightSize, Slices = slices };
        pool.Run(ref add, shape.WeightSize * slices);
    }

    private void Store(WorkPool pool, float* result, bool isOutFirst, float* target, bool accumulate)
    {
        var (taps, inGroup, outGroup) = ((long)Taps, (long)InGroup, (long)OutGroup);
        var store = new StoreKernel { Shape = shape, Result = result, Target = target, Accumulates = accumulate };
        (store.Group, store.Out, store.In, store.Tap) = shape.IsDepthwise ? (1L, 0L, 0L, shape.Groups)
            : isOutFirst ? (0L, taps * inGroup, 1L, inGroup)
            : (taps * inGroup * outGroup, 1L, outGroup, inGroup * outGroup);
        pool.Run(ref store, shape.WeightSize);
    }

    /// <summary>To [out, in, tap] from any other order.</summary>
    private struct StoreKernel : IKernel
    {
        public ConvShape Shape;
        public float* Result;
        public float* Target;
        public bool Accumulates;

        /// <summary>Floats from one to the next, in the result.</summary>
        public long Group, Out, In, Tap;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (inputs, outputs, taps) = (Shape.InChannels / Shape.Groups, Shape.OutChannels / Shape.Groups, Shape.Window.KernelHeight * Shape.Window.KernelWidth);
            var (first, last) = WorkPool.Share(Shape.OutChannels, worker, workers);
            var target = Target + ((long)first * inputs * taps);
            for (var o = first; o < last; o++)
            {
                var (g, j) = Math.DivRem(o, outputs);
                for (var i = 0; i < inputs; i++)
                {
                    var from = Result + (g * Group) + (j * Out) + (i * In);
                    for (var tap = 0; tap < taps; tap++, from += Tap, target++)
                        *target = Accumulates ? *target + *from : *from;
                }
            }
        }
    }

    /// <summary>Adds the later slices to the first.</summary>
    private struct AddSlices : IKernel
    {
        public float* Sums;
        public long Size;
        public int Slices;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.ShareLines(Size, worker, workers);
            for (var i = first; i < last; i += L.Count)
            {
                var sum = Simd.Load<L, V>(Sums + i, last - i);
                for (var slice = 1; slice < Slices; slice++)
                    sum = L.Add(sum, Simd.Load<L, V>(Sums + (slice * Size) + i, last - i));
                Simd.Store<L, V>(sum, Sums + i, last - i);
            }
        }
    }
}
