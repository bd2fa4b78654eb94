using Nabi.Runtime.Emit;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class BitConvolutionTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public void Dispose() => pool.Dispose();

    public static TheoryData<string, bool> Cases()
    {
        var data = new TheoryData<string, bool>();
        foreach (var name in ConvCases.All.Keys)
        {
            data.Add(name, false);
            data.Add(name, true);
        }
        return data;
    }

    [Theory, MemberData(nameof(Cases))]
    public void SumsAreExact(string name, bool isTernary)
    {
        Check(ConvCases.All[name], isTernary, BitTiles.Current, default);
        Check(ConvCases.All[name], isTernary, null, default);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryNumberOfChannelsAndColumnsWorks(bool isTernary)
    {
        for (var channels = 1; channels <= 200; channels += channels < 70 ? 1 : 13)
            Check(ConvCases.Of(1, 3, 5, channels, 1 + (channels * 7 % 70), 3, pad: 1), isTernary, BitTiles.Current, default);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(21)]
    public void ProductsOfRowsWork(int rows)
    {
        foreach (var tiles in (BitTiles?[])[null, BitTiles.Current])
            Check(ConvCases.Of(rows, 1, 1, 300, 77, 1), isTernary: false, tiles, default);
    }

    [Fact]
    public void EpilogueAppliesBiasResidualAndActivation()
    {
        var shape = ConvCases.Of(2, 5, 7, 70, 37, 3, pad: 1);
        foreach (var kind in (UnaryKind[])[UnaryKind.Identity, UnaryKind.Relu, UnaryKind.Clip, UnaryKind.HardSwish])
        {
            for (var parts = 0; parts < 8; parts++)
                Check(shape, isTernary: false, BitTiles.Current, new Unary(kind, 0.1f, 0.5f), (parts & 1) != 0, (parts & 2) != 0, (parts & 4) != 0);
        }
    }

    [Fact]
    public void NumberOfWorkersDoesNotChangeTheBits()
    {
        var shape = ConvCases.Of(1, 14, 14, 128, 96, 3, pad: 1);
        using var input = Given.Floats(14 * 14 * 128, 1);
        using var one = new GuardedBuffer<float>(14 * 14 * 96);
        using var three = new GuardedBuffer<float>(14 * 14 * 96);
        using var single = new WorkPool(1);
        using var team = new WorkPool(3);
        Run(new BitConvolution(shape), single, input, one, default);
        Run(new BitConvolution(shape), team, input, three, default);
        Assert.True(one.Span.SequenceEqual(three.Span));
    }

    [Fact]
    public void EmittedKernelsRunWhereTheProcessorHasThem()
    {
        if (BitTiles.IsSupported && Environment.GetEnvironmentVariable(ByteTiles.Switch) != "0") Assert.NotNull(BitTiles.Current);
    }

    private void Check(in ConvShape shape, bool isTernary, BitTiles? tiles, Unary activation, bool bias = false, bool residual = false, bool accumulate = false)
    {
        var w = shape.Window;
        using var input = Given.Floats((long)w.Batch * w.Height * w.Width * shape.InChannels, 1);
        for (var i = 0; i < input.Length; i += 17) input[i] = i % 2 == 0 ? 0f : -0f;   // the sign of 0 is +1
        var size = (long)w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels;
        using var output = Given.Floats(size, 3);
        using var offsets = Given.Floats(shape.OutChannels, 4);
        using var add = Given.Floats(size, 5);
        using var expected = Given.Floats(size, 3);
        Reference(shape, isTernary, input, expected, bias ? offsets : null, residual ? add : null, accumulate, activation);
        Run(new BitConvolution(shape, isTernary, tiles), pool, input, output, new Epilogue
        {
            Bias = bias ? offsets.Pointer : null, Residual = residual ? add.Pointer : null, ResidualStride = shape.OutChannels, Accumulate = accumulate, Activation = activation,
        });
        for (var i = 0; i < output.Length; i++)
        {
            var tolerance = activation.Kind == UnaryKind.HardSwish ? 1e-6f * Math.Max(1, MathF.Abs(expected[i])) : 0;
            Assert.True(MathF.Abs(expected[i] - output[i]) <= tolerance, $"{shape}, element {i} is {output[i]}, expected {expected[i]}");
        }
    }

    private const float Threshold = 0.3f;

    private static void Run(BitConvolution kernel, WorkPool pool, GuardedBuffer<float> input, GuardedBuffer<float> output, in Epilogue epilogue)
    {
        using var weights = Weights(kernel.Shape);
        using var scales = Scales(kernel.Shape);
        using var packed = new GuardedBuffer<float>(kernel.PackedSize);
        using var scratch = new GuardedBuffer<float>(kernel.ScratchSize(pool.Workers));
        kernel.Pack(weights.Pointer, packed.Pointer);
        kernel.Run(pool, input.Pointer, Threshold, packed.Pointer, scales.Pointer, output.Pointer, epilogue, scratch.Pointer);
    }

    private static GuardedBuffer<sbyte> Weights(in ConvShape shape)
    {
        var weights = Given.Bytes(shape.WeightSize, 2, 0, 1);
        for (var i = 0; i < weights.Length; i++) weights[i] = (sbyte)((2 * weights[i]) - 1);
        return weights;
    }

    private static GuardedBuffer<float> Scales(in ConvShape shape) => Given.Floats(shape.OutChannels, 7, 0.1f, 1f);

    // Every step in single precision, as the kernel states it.
    private static void Reference(in ConvShape shape, bool isTernary, GuardedBuffer<float> input, GuardedBuffer<float> output, GuardedBuffer<float>? bias, GuardedBuffer<float>? residual, bool accumulate, Unary activation)
    {
        using var weights = Weights(shape);
        using var scales = Scales(shape);
        var w = shape.Window;
        var (inGroup, outGroup, taps) = (shape.InChannels / shape.Groups, shape.OutChannels / shape.Groups, w.KernelHeight * w.KernelWidth);
        for (var at = 0; at < output.Length; at++)
        {
            var (pixel, o) = Math.DivRem(at, shape.OutChannels);
            var (n, y, x) = (pixel / w.OutWidth / w.OutHeight, pixel / w.OutWidth % w.OutHeight, pixel % w.OutWidth);
            var sum = 0;
            for (var tap = 0; tap < taps; tap++)
            {
                var iy = (y * w.StrideHeight) + (tap / w.KernelWidth * w.DilationHeight) - w.PadTop;
                var ix = (x * w.StrideWidth) + (tap % w.KernelWidth * w.DilationWidth) - w.PadLeft;
                if (iy < 0 || iy >= w.Height || ix < 0 || ix >= w.Width) continue;
                for (var c = 0; c < inGroup; c++)
                {
                    var value = input[((((n * w.Height) + iy) * w.Width) + ix) * shape.InChannels + (o / outGroup * inGroup) + c];
                    var sign = !isTernary ? value >= 0 ? 1 : -1 : value > Threshold ? 1 : value < -Threshold ? -1 : 0;
                    sum += sign * weights[(((o * inGroup) + c) * taps) + tap];
                }
            }
            var result = scales[o] * sum;
            if (bias is not null) result += bias[o];
            if (accumulate) result += output[at];
            if (residual is not null) result += residual[at];
            output[at] = (float)UnaryReference.Evaluate(activation, result);
        }
    }
}
