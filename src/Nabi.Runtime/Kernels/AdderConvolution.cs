using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>
/// The convolution that compares: y[o, m] = -sum over taps and channels of |x - f| (Chen et al. 2020, AdderNet, equation 2), and its gradient with respect to the
/// input with the difference limited to [-1, 1] (equation 6). The gradient with respect to the filters is one of ordinary convolution.
/// </summary>
/// <remarks>
/// Images are NHWC, filters [OutChannels, InChannels, KernelHeight, KernelWidth]. Each image is laid out channel by channel (<see cref="FlatPlanes"/>), so that
/// registers hold neighbouring windows however few channels there are; a tile is four filters (or input channels) by two registers of windows.
/// The result does not depend on the number of workers.
/// </remarks>
public sealed unsafe class AdderConvolution
{
    private const int Block = 4;

    private readonly ConvShape shape;
    private readonly FlatPlanes planes;

    // Per tap: offset within its phase, the phase, and both together.
    private readonly int[] taps;
    private readonly int[] phases;
    private readonly int[] places;

    /// <summary>Prepares the convolution.</summary>
    /// <param name="shape">Geometry; one group.</param>
    /// <exception cref="ArgumentException">There are several groups.</exception>
    public AdderConvolution(in ConvShape shape)
    {
        shape.Check();
        if (shape.Groups != 1) throw new ArgumentException("Groups are not supported.", nameof(shape));
        this.shape = shape;
        var w = shape.Window;
        planes = new FlatPlanes(w, Simd.Lanes);
        taps = GC.AllocateArray<int>(w.KernelHeight * w.KernelWidth, pinned: true);
        phases = GC.AllocateArray<int>(taps.Length, pinned: true);
        places = GC.AllocateArray<int>(taps.Length, pinned: true);
        for (var t = 0; t < taps.Length; t++)
        {
            (taps[t], phases[t]) = (planes.Offset(t / w.KernelWidth, t % w.KernelWidth), planes.Phase(t / w.KernelWidth, t % w.KernelWidth));
            places[t] = checked((phases[t] * planes.PlaneSize) + taps[t]);
        }
    }

    /// <summary>Floats of scratch memory for the forward direction.</summary>
    /// <param name="workers">Size of the pool.</param>
    public long ScratchSize(int workers) => workers * ForwardScratch;

    /// <summary>Floats of scratch memory for the gradient.</summary>
    /// <param name="workers">Size of the pool.</param>
    public long GradientScratchSize(int workers) => workers * BackwardScratch;

    private long ForwardScratch => (long)planes.PlaneSize * ((planes.Phases * shape.InChannels) + Block);

    private long BackwardScratch => (long)planes.PlaneSize * (shape.OutChannels + (2 * Block * planes.Phases));

    /// <summary>Computes the distances.</summary>
    /// <param name="pool">Shares images and filters.</param>
    /// <param name="x">[Batch, Height, Width, InChannels].</param>
    /// <param name="filters">In ONNX order.</param>
    /// <param name="y">[Batch, OutHeight, OutWidth, OutChannels].</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public void Run(WorkPool pool, float* x, float* filters, float* y, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new ForwardKernel { At = Arguments(x, filters, y, scratch, ForwardScratch) };
        pool.Run(ref kernel, shape.MultiplyAdds);
    }

    /// <summary>Computes the gradient with respect to the input.</summary>
    /// <param name="pool">Shares images and input channels.</param>
    /// <param name="outputGradient">[Batch, OutHeight, OutWidth, OutChannels].</param>
    /// <param name="x">[Batch, Height, Width, InChannels].</param>
    /// <param name="filters">In ONNX order.</param>
    /// <param name="inputGradient">[Batch, Height, Width, InChannels], overwritten.</param>
    /// <param name="scratch"><see cref="GradientScratchSize"/> floats.</param>
    public void InputGradient(WorkPool pool, float* outputGradient, float* x, float* filters, float* inputGradient, float* scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        var kernel = new BackwardKernel { At = Arguments(x, filters, inputGradient, scratch, BackwardScratch), OutputGradient = outputGradient };
        pool.Run(ref kernel, shape.MultiplyAdds);
    }

    private Argument Arguments(float* x, float* filters, float* y, float* scratch, long scratchSize) => new()
    {
        Shape = shape,
        Planes = planes,
        Taps = (int*)Unsafe.AsPointer(ref taps[0]),
        Phases = (int*)Unsafe.AsPointer(ref phases[0]),
        Places = (int*)Unsafe.AsPointer(ref places[0]),
        TapCount = taps.Length,
        X = x,
        Filters = filters,
        Y = y,
        Scratch = scratch,
        ScratchSize = scratchSize,
    };

    private struct Argument
    {
        public ConvShape Shape;
        public FlatPlanes Planes;
        public int* Taps;
        public int* Phases;
        public int* Places;
        public int TapCount;
        public float* X;
        public float* Filters;
        public float* Y;
        public float* Scratch;
        public long ScratchSize;

        public readonly long FilterSize => (long)Shape.InChannels * TapCount;

        public readonly long InputSize => (long)Shape.Window.Height * Shape.Window.Width * Shape.InChannels;

        public readonly long OutputSize => (long)Shape.Window.OutHeight * Shape.Window.OutWidth * Shape.OutChannels;
    }

    private struct ForwardKernel : IKernel
    {
        public Argument At;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (shape, planes) = (At.Shape, At.Planes);
            var blocks = (shape.OutChannels + Block - 1) / Block;
            var (first, last) = WorkPool.Share(shape.Window.Batch * blocks, worker, workers);
            var image = At.Scratch + (worker * At.ScratchSize);
            var sums = image + ((long)planes.PlaneSize * planes.Phases * shape.InChannels);
            var windows = ((shape.Window.OutHeight - 1) * planes.Width) + shape.Window.OutWidth;
            for (var (item, spread) = (first, -1); item < last; item++)
            {
                var (n, block) = Math.DivRem(item, blocks);
                if (n != spread) planes.Spread(At.X + (n * At.InputSize), shape.InChannels, shape.InChannels, image);
                spread = n;
                var m = block * Block;
                var count = Math.Min(Block, shape.OutChannels - m);
                for (var at = 0; at < windows; at += 2 * L.Count)
                    Tile<L, V>(image + planes.Before + at, At.Filters + (m * At.FilterSize), count, sums + at);
                planes.CollectWindows(sums, planes.PlaneSize, At.Y + (n * At.OutputSize) + m, shape.OutChannels, count);
            }
        }

        // Four filters by two registers of windows; filters that are not there repeat the last one.
        private readonly void Tile<L, V>(float* image, float* filters, int count, float* sums)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var size = At.FilterSize;
            float* f0 = filters, f1 = f0 + (Math.Min(1, count - 1) * size), f2 = f0 + (Math.Min(2, count - 1) * size), f3 = f0 + ((count - 1) * size);
            V a0 = L.Fill(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
            for (var c = 0; c < At.Shape.InChannels; c++)
            {
                for (var t = 0; t < At.TapCount; t++)
                {
                    var x = image + At.Places[t];
                    V x0 = L.Load(x), x1 = L.Load(x + L.Count);
                    var f = L.Broadcast(f0++);
                    a0 = L.Add(a0, L.Abs(L.Subtract(x0, f)));
                    b0 = L.Add(b0, L.Abs(L.Subtract(x1, f)));
                    f = L.Broadcast(f1++);
                    a1 = L.Add(a1, L.Abs(L.Subtract(x0, f)));
                    b1 = L.Add(b1, L.Abs(L.Subtract(x1, f)));
                    f = L.Broadcast(f2++);
                    a2 = L.Add(a2, L.Abs(L.Subtract(x0, f)));
                    b2 = L.Add(b2, L.Abs(L.Subtract(x1, f)));
                    f = L.Broadcast(f3++);
                    a3 = L.Add(a3, L.Abs(L.Subtract(x0, f)));
                    b3 = L.Add(b3, L.Abs(L.Subtract(x1, f)));
                }
                image += (long)At.Planes.Phases * At.Planes.PlaneSize;
            }
            var row = At.Planes.PlaneSize;
            L.Store(L.Negate(a0), sums);
            L.Store(L.Negate(b0), sums + L.Count);
            L.Store(L.Negate(a1), sums + row);
            L.Store(L.Negate(b1), sums + row + L.Count);
            L.Store(L.Negate(a2), sums + (2 * row));
            L.Store(L.Negate(b2), sums + (2 * row) + L.Count);
            L.Store(L.Negate(a3), sums + (3 * row));
            L.Store(L.Negate(b3), sums + (3 * row) + L.Count);
        }
    }

    private struct BackwardKernel : IKernel
    {
        public Argument At;
        public float* OutputGradient;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (shape, planes) = (At.Shape, At.Planes);
            var blocks = (shape.InChannels + Block - 1) / Block;
            var (first, last) = WorkPool.Share(shape.Window.Batch * blocks, worker, workers);
            var gradient = At.Scratch + (worker * At.ScratchSize);
            var image = gradient + ((long)planes.PlaneSize * shape.OutChannels);
            var sums = image + (Block * planes.Phases * (long)planes.PlaneSize);
            new Span<float>(image, 2 * Block * planes.Phases * planes.PlaneSize).Clear();
            for (var (item, spread) = (first, -1); item < last; item++)
            {
                var (n, block) = Math.DivRem(item, blocks);
                if (n != spread) planes.SpreadWindows(OutputGradient + (n * At.OutputSize), shape.OutChannels, shape.OutChannels, gradient);
                spread = n;
                var c = block * Block;
                var count = Math.Min(Block, shape.InChannels - c);
                planes.Spread(At.X + (n * At.InputSize) + c, shape.InChannels, count, image);
                for (var phase = 0; phase < planes.Phases; phase++)
                {
                    var start = ((long)phase * planes.PlaneSize) + planes.Before;
                    for (var at = 0; at < planes.Height * planes.Width; at += 2 * L.Count)
                        Tile<L, V>(phase, gradient + planes.Before + at, image + start + at, At.Filters + (c * At.TapCount), count, sums + start + at);
                }
                planes.Collect(sums, At.Y + (n * At.InputSize) + c, shape.InChannels, count);
            }
        }

        // Four channels by two registers of pixels of one phase; channels that are not there repeat the last one's weights.
        private readonly void Tile<L, V>(int phase, float* gradient, float* image, float* filters, int count, float* sums)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var row = (long)At.Planes.Phases * At.Planes.PlaneSize;
            var (second, third, fourth) = (Math.Min(1, count - 1) * At.TapCount, Math.Min(2, count - 1) * At.TapCount, (count - 1) * At.TapCount);
            V x0 = L.Load(image), x1 = L.Load(image + row), x2 = L.Load(image + (2 * row)), x3 = L.Load(image + (3 * row));
            image += L.Count;
            V z0 = L.Load(image), z1 = L.Load(image + row), z2 = L.Load(image + (2 * row)), z3 = L.Load(image + (3 * row));
            V a0 = L.Fill(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
            for (var m = 0; m < At.Shape.OutChannels; m++)
            {
                for (var t = 0; t < At.TapCount; t++)
                {
                    if (At.Phases[t] != phase) continue;
                    var from = gradient - At.Taps[t];
                    V g0 = L.Load(from), g1 = L.Load(from + L.Count);
                    var f = L.Broadcast(filters + t);
                    a0 = L.MultiplyAdd(g0, L.Clamp(L.Subtract(f, x0), -1, 1), a0);
                    b0 = L.MultiplyAdd(g1, L.Clamp(L.Subtract(f, z0), -1, 1), b0);
                    f = L.Broadcast(filters + second + t);
                    a1 = L.MultiplyAdd(g0, L.Clamp(L.Subtract(f, x1), -1, 1), a1);
                    b1 = L.MultiplyAdd(g1, L.Clamp(L.Subtract(f, z1), -1, 1), b1);
                    f = L.Broadcast(filters + third + t);
                    a2 = L.MultiplyAdd(g0, L.Clamp(L.Subtract(f, x2), -1, 1), a2);
                    b2 = L.MultiplyAdd(g1, L.Clamp(L.Subtract(f, z2), -1, 1), b2);
                    f = L.Broadcast(filters + fourth + t);
                    a3 = L.MultiplyAdd(g0, L.Clamp(L.Subtract(f, x3), -1, 1), a3);
                    b3 = L.MultiplyAdd(g1, L.Clamp(L.Subtract(f, z3), -1, 1), b3);
                }
                gradient += At.Planes.PlaneSize;
                filters += At.FilterSize;
            }
            L.Store(a0, sums);
            L.Store(b0, sums + L.Count);
            L.Store(a1, sums + row);
            L.Store(b1, sums + row + L.Count);
            L.Store(a2, sums + (2 * row));
            L.Store(b2, sums + (2 * row) + L.Count);
            L.Store(a3, sums + (3 * row));
            L.Store(b3, sums + (3 * row) + L.Count);
        }
    }
}
