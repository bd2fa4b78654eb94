using Nabi.Runtime.Emit;
using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Kernels;

/// <summary>A convolution of signs, or of ternary values, with weights of +-1: packing the activations counts, weights are packed before.</summary>
internal sealed unsafe class BitConvolutionCase(ConvShape shape, bool isTernary, bool emitted) : KernelCase
{
    private readonly BitConvolution _convolution = new(shape, isTernary, emitted ? BitTiles.Current : null);
    private float* _x, _y, _packed, _scales, _scratch;

    public override double Operations => 2.0 * shape.MultiplyAdds;

    internal override void Prepare(WorkPool pool)
    {
        _x = Allocate(Sizes.Inputs(shape));
        _y = Allocate(Sizes.Outputs(shape));
        _packed = Allocate(_convolution.PackedSize);
        _scales = Allocate(shape.OutChannels);
        _scratch = Allocate(_convolution.ScratchSize(pool.Workers));
        var weights = (sbyte*)AllocateBytes(shape.WeightSize);
        for (long i = 0; i < shape.WeightSize; i++) weights[i] = (sbyte)(i * 7919 % 11 < 5 ? 1 : -1);
        _convolution.Pack(weights, _packed);
    }

    internal override void Run(WorkPool pool) => _convolution.Run(pool, _x, 0.3f, _packed, _scales, _y, default, _scratch);
}
