using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class WinogradConvolutionTests : IDisposable
{
    /// <summary>Largest difference relative to the largest output.</summary>
    private const double Bound = 4e-6;

    private readonly WorkPool pool = new(2);

    public static Dictionary<string, ConvShape> Shapes { get; } = new(StringComparer.Ordinal)
    {
        ["whole tiles"] = ConvCases.Of(1, 8, 12, 16, 32, 3, pad: 1),
        ["parts of tiles"] = ConvCases.Of(1, 7, 9, 32, 64, 3, pad: 1),
        ["one pixel"] = ConvCases.Of(1, 1, 1, 5, 3, 3, pad: 1),
        ["two pixels wide"] = ConvCases.Of(1, 5, 2, 19, 7, 3, pad: 1),
        ["unpadded"] = ConvCases.Of(1, 8, 11, 6, 40, 3),
        ["odd channels"] = ConvCases.Of(1, 6, 10, 27, 55, 3, pad: 1),
        ["one channel"] = ConvCases.Of(1, 9, 9, 1, 1, 3, pad: 1),
        ["batch"] = ConvCases.Of(3, 7, 5, 17, 18, 3, pad: 1),
        ["wide padding"] = ConvCases.Of(1, 4, 5, 8, 8, 3, pad: 4),
        ["nothing comes out"] = ConvCases.Of(1, 2, 2, 3, 4, 3),
        ["no batch"] = ConvCases.Of(0, 4, 4, 2, 3, 3, pad: 1),
        ["several blocks"] = ConvCases.Of(2, 30, 30, 64, 33, 3, pad: 1),
        ["deep"] = ConvCases.Of(1, 5, 6, 530, 20, 3, pad: 1),
        ["asymmetric"] = new()
        {
            Window = new() { Batch = 2, Height = 6, Width = 11, KernelHeight = 3, KernelWidth = 3, PadLeft = 2, PadBottom = 2, PadRight = 1 },
            InChannels = 20,
            OutChannels = 37,
        },
    };

    public static TheoryData<string, int, bool> Cases
    {
        get
        {
            var cases = new TheoryData<string, int, bool>();
            foreach (var name in Shapes.Keys)
            {
                foreach (var outputs in (int[])[2, 4])
                {
                    cases.Add(name, outputs, false);
                    cases.Add(name, outputs, true);
                }
            }
            return cases;
        }
    }

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void MatchesTheReference(string name, int outputs, bool transposed)
    {
        using var given = new Given(Shapes[name], outputs, transposed, pool);
        given.Run(pool, default);
        given.AssertNear(given.Expected);
    }

    [Theory]
    [InlineData(UnaryKind.Relu)]
    [InlineData(UnaryKind.HardSwish)]
    [InlineData(UnaryKind.Identity)]
    public void AddsBiasAndResidualBeforeTheActivation(UnaryKind kind)
    {
        foreach (var name in (string[])["parts of tiles", "odd channels", "batch"])
        {
            using var given = new Given(Shapes[name], 4, transposed: false, pool);
            var channels = Shapes[name].OutChannels;
            using var bias = Kernels.Given.Floats(channels, 3);
            using var residual = Kernels.Given.Floats(given.Output.Length, 4);
            var expected = (double[])given.Expected.Clone();
            for (var i = 0; i < expected.Length; i++)
                expected[i] = UnaryReference.Evaluate(new(kind), expected[i] + bias[i % channels] + residual[i]);
            var epilogue = new Epilogue { Bias = bias.Pointer, Residual = residual.Pointer, ResidualStride = channels, Activation = new(kind) };
            given.Run(pool, epilogue);
            given.AssertNear(expected);
            residual.Span.CopyTo(given.Output.Span);
            given.Run(pool, new Epilogue { Bias = bias.Pointer, Accumulate = true, Activation = new(kind) });
            given.AssertNear(expected);
        }
    }

    [Theory]
    [InlineData("several blocks")]
    [InlineData("deep")]
    [InlineData("odd channels")]
    public void WorkersChangeNoBit(string name)
    {
        using var given = new Given(Shapes[name], 4, transposed: false, pool);
        given.Run(pool, default);
        var two = given.Output.Span.ToArray();
        foreach (var workers in (int[])[1, 3, 5])
        {
            using var other = new WorkPool(workers);
            given.Output.Span.Fill(float.NaN);
            given.Run(other, default);
            Assert.Equal(two, given.Output.Span.ToArray());
        }
    }

    // Read from the middle of wider pixels, written into the middle of wider pixels, whose other channels stay.
    [Theory]
    [InlineData("odd channels")]
    [InlineData("asymmetric")]
    public void ChannelsMayLieAmongOthers(string name)
    {
        const int Before = 3, Others = 5;
        var shape = Shapes[name];
        var (readStride, writeStride) = (shape.InChannels + Others, shape.OutChannels + Others);
        using var given = new Given(shape, 4, transposed: false, pool);
        using var x = Kernels.Given.Floats((long)given.Input.Length / shape.InChannels * readStride, 6);
        using var y = Kernels.Given.Floats((long)given.Output.Length / shape.OutChannels * writeStride, 7);
        for (var i = 0; i < given.Input.Length; i++)
            x[(i / shape.InChannels * readStride) + Before + (i % shape.InChannels)] = given.Input[i];
        var expected = y.Span.ToArray();
        given.Run(pool, default);
        for (var i = 0; i < given.Output.Length; i++)
            expected[(i / shape.OutChannels * writeStride) + Before + (i % shape.OutChannels)] = given.Output[i];
        var convolution = new WinogradConvolution(shape, 4, readStride: readStride, writeStride: writeStride);
        convolution.Run(pool, x.Pointer + Before, given.Packed.Pointer, y.Pointer + Before, default, given.Scratch.Pointer);
        Assert.Equal(expected, y.Span.ToArray());
    }

    [Fact]
    public void RefusesWhatItCannotCompute()
    {
        Assert.Throws<ArgumentException>(() => new WinogradConvolution(ConvCases.Of(1, 6, 6, 4, 4, 3, stride: 2), 4));
        Assert.Throws<ArgumentException>(() => new WinogradConvolution(ConvCases.Of(1, 6, 6, 4, 4, 5), 4));
        Assert.Throws<ArgumentException>(() => new WinogradConvolution(ConvCases.Of(1, 6, 6, 4, 4, 3, groups: 2), 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WinogradConvolution(Shapes["batch"], 3));
        Assert.Throws<ArgumentException>(() => new WinogradConvolution(Shapes["batch"], 2, writeStride: 8));
    }

    /// <summary>A convolution with its guarded buffers and the reference's result.</summary>
    private sealed class Given : IDisposable
    {
        private readonly WinogradConvolution convolution;
        private GuardedBuffer<float> scratch;

        public Given(in ConvShape shape, int outputs, bool transposed, WorkPool pool)
        {
            var w = shape.Window;
            var (small, large) = ((long)w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels, (long)w.Batch * w.Height * w.Width * shape.InChannels);
            Input = Kernels.Given.Floats(transposed ? small : large, 1);
            Output = new GuardedBuffer<float>(transposed ? large : small);
            using var weights = Kernels.Given.Floats(shape.WeightSize, 2);
            Expected = transposed ? ConvReference.InputGradient(shape, Input.Span, weights.Span) : ConvReference.Forward(shape, Input.Span, weights.Span);
            convolution = new WinogradConvolution(shape, outputs, transposed);
            Packed = new GuardedBuffer<float>(convolution.PackedSize);
            convolution.Pack(pool, weights.Pointer, Packed.Pointer);
            scratch = new GuardedBuffer<float>(0);
        }

        public GuardedBuffer<float> Input { get; }

        public GuardedBuffer<float> Output { get; }

        public GuardedBuffer<float> Packed { get; }

        public GuardedBuffer<float> Scratch => scratch;

        public double[] Expected { get; }

        public void Run(WorkPool pool, in Epilogue epilogue)
        {
            scratch.Dispose();
            scratch = new GuardedBuffer<float>(convolution.ScratchSize(pool.Workers));
            scratch.Span.Fill(float.NaN);
            convolution.Run(pool, Input.Pointer, Packed.Pointer, Output.Pointer, epilogue, scratch.Pointer);
        }

        public void AssertNear(double[] expected)
        {
            var largest = Math.Max(1, expected.Length == 0 ? 0 : expected.Max(Math.Abs));
            Kernels.Given.Near(Array.ConvertAll(expected, e => e / largest), Array.ConvertAll(Output.Span.ToArray(), o => (float)(o / largest)), Bound, "Winograd");
        }

        public void Dispose()
        {
            foreach (var buffer in (GuardedBuffer<float>[])[Input, Output, Packed, scratch]) buffer.Dispose();
        }
    }
}
