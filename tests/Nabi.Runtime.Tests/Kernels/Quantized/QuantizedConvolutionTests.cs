using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels.Quantized;

public sealed unsafe class QuantizedConvolutionTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public static TheoryData<string> Names => [.. ConvCases.All.Keys];

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryByteEqualsTheReference(string name)
    {
        var shape = ConvCases.All[name];
        Check(name, shape, new(0.02f, 7, true), new(0.31f, -5, true), withBias: true);
        Check(name, shape, new(0.02f, 131, false), new(0.17f, 100, false), withBias: false);
    }

    // Products over every remainder of the tile: rows, columns and depth from 1 to past two tiles. Inputs that are read in place, shifted, and shifted among padding.
    [Fact]
    public void EveryRemainderOfATileEqualsTheReference()
    {
        foreach (var columns in (int[])[1, 15, 16, 17, 31, 32, 33, 48, 49, 65])
        {
            for (var rows = 1; rows <= 17; rows++)
                CheckBoth(ConvCases.Of(1, 1, rows, 4 * (1 + (rows % 3)), columns, 1));
        }
        for (var depth = 1; depth <= 18; depth++)
        {
            CheckBoth(ConvCases.Of(1, 1, 9, depth, 33, 1));
            CheckBoth(ConvCases.Of(1, 3, 5, depth, 17, 3, pad: 1));
        }

        void CheckBoth(ConvShape shape)
        {
            Check(shape.ToString(), shape, new(0.02f, 7, true), new(0.31f, -5, true), withBias: true);
            Check(shape.ToString(), shape, new(0.02f, 131, false), new(0.17f, 100, false), withBias: true);
        }
    }

    // Two blocks of panels, the last panel of one column, each larger than the first-level cache; two full tiles and a rest; and one tile that asks alone.
    [Theory]
    [InlineData(4, 5)]
    [InlineData(2, 4)]
    public void LargePanelsEqualTheReference(int height, int width)
    {
        var shape = ConvCases.Of(1, height, width, 400, 161, 3, pad: 1);
        Check(shape.ToString(), shape, new(0.02f, 7, true), new(0.31f, -5, true), withBias: true);
    }

    [Fact]
    public void ExtremeValuesDoNotSaturate()
    {
        var shape = ConvCases.Of(1, 1, 2, 64, 33, 1);
        using var x = new GuardedBuffer<byte>(128);
        using var weights = new GuardedBuffer<sbyte>(shape.WeightSize);
        x.Span.Fill(255);
        weights.Span.Fill(-128);
        var scales = new float[33];
        Array.Fill(scales, 1f);
        var y = Run(shape, x, weights, null, new QuantizedScales(new(1f, 0, false), scales, new(64 * 255f, 127, true)));
        Assert.All(y, b => Assert.Equal(127 - 128, (sbyte)b));
    }

    [Fact]
    public void RefusesFiltersThatCanOverflow() => Assert.Throws<ArgumentException>(() => new QuantizedConvolution(ConvCases.Of(1, 1, 1, 70_000, 1, 1)));

    private void Check(string name, ConvShape shape, QuantizedFormat input, QuantizedFormat output, bool withBias)
    {
        var w = shape.Window;
        using var bytes = Given.Bytes((long)w.Batch * w.Height * w.Width * shape.InChannels, 1);
        using var x = new GuardedBuffer<byte>(bytes.Length);
        for (var i = 0; i < x.Length; i++)
            x[i] = (byte)bytes[i];
        using var weights = Given.Bytes(shape.WeightSize, 2);
        using var bias = new GuardedBuffer<int>(shape.OutChannels);
        var weightScales = new float[shape.OutChannels];
        for (var o = 0; o < shape.OutChannels; o++)
        {
            bias[o] = (o * 997 % 4000) - 2000;
            weightScales[o] = 0.01f + (o * 0.003f);
        }
        var scales = new QuantizedScales(input, weightScales, output, low: output.ZeroPoint);
        var sums = new int[w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels];
        for (var i = 0; i < sums.Length; i++)
            sums[i] = withBias ? bias[i % shape.OutChannels] : 0;
        foreach (var (from, to, weight) in ConvReference.Products(shape))
            sums[to] += ((input.IsSigned ? (sbyte)x[from] : x[from]) - input.ZeroPoint) * weights[weight];
        var y = Run(shape, x, weights, withBias ? bias : null, scales);
        for (var i = 0; i < sums.Length; i++)
        {
            var rule = Requantizer.Of((double)input.Scale * weightScales[i % shape.OutChannels] / output.Scale);
            Assert.True((byte)rule.Apply(sums[i], output.ZeroPoint, output.ZeroPoint, output.Max) == y[i], $"{name}: element {i}");
        }
    }

    // The kernels this process uses; where they are emitted, the managed ones give the same.
    private byte[] Run(ConvShape shape, GuardedBuffer<byte> x, GuardedBuffer<sbyte> weights, GuardedBuffer<int>? bias, QuantizedScales scales)
    {
        var managed = Run(new QuantizedConvolution(shape, tiles: null), x, weights, bias, scales);
        var conv = new QuantizedConvolution(shape);
        if (!conv.IsEmitted)
            return managed;
        var emitted = Run(conv, x, weights, bias, scales);
        Assert.Equal(managed, emitted);
        return emitted;
    }

    private byte[] Run(QuantizedConvolution conv, GuardedBuffer<byte> x, GuardedBuffer<sbyte> weights, GuardedBuffer<int>? bias, QuantizedScales scales)
    {
        var shape = conv.Shape;
        using var packed = new GuardedBuffer<float>(conv.PackedSize);
        using var scratch = new GuardedBuffer<float>(conv.ScratchSize);
        using var y = new GuardedBuffer<byte>((long)shape.Window.Batch * shape.Window.OutHeight * shape.Window.OutWidth * shape.OutChannels);
        conv.Pack(weights.Pointer, packed.Pointer);
        conv.Run(pool, x.Pointer, packed.Pointer, bias is null ? null : bias.Pointer, scales, y.Pointer, scratch.Pointer);
        return y.Span.ToArray();
    }
}
