using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Kernels;

/// <summary>[m, k] times a packed [k, n].</summary>
internal sealed unsafe class ProductCase(int m, int n, int k) : KernelCase
{
    private float* _a, _c, _packed;

    public override double Operations => 2.0 * m * n * k;

    internal override void Prepare(WorkPool pool)
    {
        _a = Allocate((long)m * k);
        _c = Allocate((long)m * n);
        _packed = Allocate(Gemm.PackedSize(n, k));
        Gemm.Pack(pool, n, k, Allocate((long)n * k), n, false, _packed);
    }

    internal override void Run(WorkPool pool) => Gemm.Run(pool, m, n, k, _a, k, _packed, _c, n, default);
}

/// <summary>One direction of a recurrent layer over 50 steps of one sequence, inputs as long as the state, weights packed before.</summary>
internal sealed unsafe class RecurrentCase(RecurrentCellKind kind, int hidden) : KernelCase
{
    private const int Steps = 50;

    private readonly RecurrentLayer _layer = new() { Kind = kind, Steps = Steps, Batch = 1, Inputs = hidden, Hidden = hidden, IsReversed = false, StepStride = hidden };
    private float* _x, _packed, _bias, _h, _c, _y, _scratch;

    private long Rows => hidden * (kind == RecurrentCellKind.LongShortTerm ? 4L : 3L);

    public override double Operations => 2.0 * Steps * Rows * 2 * hidden;

    internal override void Prepare(WorkPool pool)
    {
        _x = Allocate(Steps * hidden);
        _y = Allocate(Steps * hidden);
        _h = Allocate(hidden);
        _c = Allocate(hidden);
        _bias = Allocate(2 * Rows);
        _packed = Allocate(_layer.PackedSize);
        _scratch = Allocate(_layer.ScratchSize);
        _layer.Pack(pool, Allocate(Rows * hidden), Allocate(Rows * hidden), _packed);
    }

    internal override void Run(WorkPool pool) => _layer.Run(pool, _x, _packed, _bias, _h, _c, _y, _scratch);
}

/// <summary>A convolution with bias and ReLU, weights packed before.</summary>
internal sealed unsafe class ConvolutionCase(ConvShape shape) : KernelCase
{
    private readonly Convolution _convolution = new(shape);
    private float* _x, _y, _packed, _bias, _scratch;

    public override double Operations => 2.0 * shape.MultiplyAdds;

    internal override void Prepare(WorkPool pool)
    {
        _x = Allocate(Sizes.Inputs(shape));
        _y = Allocate(Sizes.Outputs(shape));
        _packed = Allocate(_convolution.PackedSize);
        _bias = Allocate(shape.OutChannels);
        _scratch = Allocate(_convolution.ScratchSize);
        _convolution.Pack(Allocate(shape.WeightSize), _packed);
    }

    internal override void Run(WorkPool pool) => _convolution.Run(pool, _x, _packed, _y, new Epilogue { Bias = _bias, Activation = Unary.Relu }, _scratch);
}

/// <summary>The same by Winograd's algorithm.</summary>
internal sealed unsafe class WinogradCase(ConvShape shape, int outputs) : KernelCase
{
    private readonly WinogradConvolution _convolution = new(shape, outputs);
    private float* _x, _y, _packed, _bias, _scratch;

    public override double Operations => 2.0 * shape.MultiplyAdds;

    internal override void Prepare(WorkPool pool)
    {
        _x = Allocate(Sizes.Inputs(shape));
        _y = Allocate(Sizes.Outputs(shape));
        _packed = Allocate(_convolution.PackedSize);
        _bias = Allocate(shape.OutChannels);
        _scratch = Allocate(_convolution.ScratchSize(pool.Workers));
        _convolution.Pack(pool, Allocate(shape.WeightSize), _packed);
    }

    internal override void Run(WorkPool pool) => _convolution.Run(pool, _x, _packed, _y, new Epilogue { Bias = _bias, Activation = Unary.Relu }, _scratch);
}

/// <summary>The three convolutions of a training step.</summary>
internal enum TrainingPass
{
    Forward,
    InputGradient,
    WeightGradient,
}

/// <summary>One convolution of a training step, a batch at a time.</summary>
internal sealed unsafe class TrainingCase(ConvShape shape, TrainingPass pass) : KernelCase
{
    private readonly Convolution _convolution = new(shape, transposed: pass is TrainingPass.InputGradient);
    private readonly ConvolutionWeightGradient _gradient = new(shape);
    private float* _x, _y, _weights, _packed, _scratch;

    public override double Operations => 2.0 * shape.MultiplyAdds;

    internal override void Prepare(WorkPool pool)
    {
        _x = Allocate(Sizes.Inputs(shape));
        _y = Allocate(Sizes.Outputs(shape));
        _weights = Allocate(shape.WeightSize);
        _packed = Allocate(_convolution.PackedSize);
        _scratch = Allocate(Math.Max(_gradient.ScratchSize(pool.Workers), _convolution.ScratchSize));
        _convolution.Pack(_weights, _packed);
    }

    internal override void Run(WorkPool pool)
    {
        switch (pass)
        {
            case TrainingPass.Forward:
                _convolution.Run(pool, _x, _packed, _y, default, _scratch);
                break;
            case TrainingPass.InputGradient:
                _convolution.Run(pool, _y, _packed, _x, default, _scratch);
                break;
            default:
                _gradient.Run(pool, _x, _y, _weights, false, _scratch);
                break;
        }
    }
}

/// <summary>Elements of the images of a convolution.</summary>
internal static class Sizes
{
    public static long Inputs(in ConvShape s) => (long)s.Window.Batch * s.Window.Height * s.Window.Width * s.InChannels;

    public static long Outputs(in ConvShape s) => (long)s.Window.Batch * s.Window.OutHeight * s.Window.OutWidth * s.OutChannels;
}
