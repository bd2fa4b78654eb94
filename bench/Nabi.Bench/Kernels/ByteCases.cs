using Nabi.Runtime.Emit;
using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Kernels;

/// <summary>An integer convolution with requantization, by the managed kernels or by those emitted for this processor.</summary>
internal sealed unsafe class ByteConvolutionCase : KernelCase
{
    private readonly ConvShape _shape;
    private readonly QuantizedConvolution _convolution;
    private readonly QuantizedScales _scales;
    private byte* _x, _y;
    private float* _packed, _scratch;

    public ByteConvolutionCase(ConvShape shape, bool emitted)
    {
        _shape = shape;
        _convolution = emitted ? new QuantizedConvolution(shape) : new QuantizedConvolution(shape, tiles: null);
        var channels = new float[shape.OutChannels];
        for (var i = 0; i < channels.Length; i++) channels[i] = 0.01f * MathF.Exp(MathF.Sin(i));   // as irregular as measured ones
        _scales = new QuantizedScales(new(0.02f, 3, true), channels, new(0.1f, 0, true));
    }

    public override double Operations => 2.0 * _shape.MultiplyAdds;

    public override bool IsInteger => true;

    internal override void Prepare(WorkPool pool)
    {
        _x = AllocateBytes(Sizes.Inputs(_shape));
        _y = AllocateBytes(Sizes.Outputs(_shape));
        _packed = Allocate(_convolution.PackedSize);
        _scratch = Allocate(_convolution.ScratchSize);
        _convolution.Pack((sbyte*)AllocateBytes(_shape.WeightSize), _packed);
    }

    internal override void Run(WorkPool pool) => _convolution.Run(pool, _x, _packed, null, _scales, _y, _scratch);
}

/// <summary>The largest emitted tile, a thousand times on operands that stay in the first-level cache.</summary>
internal sealed unsafe class ByteTileCase(ByteTiles tiles, int depth) : KernelCase
{
    private const int Calls = 1000;
    private readonly int _rows = tiles.Forms[0].Rows;
    private float** _inputs, _outputs;
    private float* _panel, _bias;

    private static int Width => 2 * Simd.Lanes;

    public override double Operations => 8.0 * Calls * _rows * Width * depth;

    public override bool IsInteger => true;

    internal override void Prepare(WorkPool pool)
    {
        _panel = Allocate((long)depth * Width);
        _bias = Allocate(Width);
        _inputs = (float**)Allocate(2L * _rows);
        _outputs = (float**)Allocate(2L * _rows);
        float* rows = Allocate((long)_rows * depth), sums = Allocate((long)_rows * Width);
        for (var i = 0; i < _rows; i++)
        {
            _inputs[i] = rows + (i * depth);
            _outputs[i] = sums + (i * Width);
        }
    }

    internal override void Run(WorkPool pool)
    {
        var t = new TileArguments { Inputs = _inputs, Taps = 1, Depth = depth, Panel = _panel, Bias = _bias, Outputs = _outputs };
        for (var i = 0; i < Calls; i++) tiles.Kernels.Run(&t, _rows, isNarrow: false, isPair: false);
    }
}
