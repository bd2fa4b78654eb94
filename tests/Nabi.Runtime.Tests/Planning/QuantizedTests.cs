using Nabi.Ops;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Graphs with QuantizeLinear and DequantizeLinear: on integers bit for bit as their plain reference, close to the float evaluation.</summary>
public class QuantizedTests
{
    public static TheoryData<string> Networks => ["plain", "residual", "depthwise", "pools", "concat", "dense", "int4", "asymmetric", "shuffle", "moves", "tokens", "activations", "gate"];

    [Theory, MemberData(nameof(Networks))]
    public void SessionEqualsTheIntegerReference(string network)
    {
        var graph = Build(network);
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random(graph.Inputs[0].Shape, 8) };
        foreach (var threads in (int[])[1, 2])
        {
            using var session = new Session(graph, new SessionOptions { Threads = threads });
            var actual = session.Run(feed);
            Outcome.AssertSame(QuantizedReference.Run(graph, feed), actual, 0);
            Assert.Empty(session.Plan!.ReferenceKernels);
            Assert.All(session.Plan.Steps, s => Assert.True(s.Macs == 0 || s.Kernel.StartsWith('q'), s.Kernel));
        }
    }

    [Theory, MemberData(nameof(Networks))]
    public void IntegersAreCloseToTheFloatEvaluation(string network)
    {
        var graph = Build(network);
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random(graph.Inputs[0].Shape, 8) };
        var (floats, integers) = (ReferenceEvaluator.Run(graph, feed)["y"].ToSingle(), QuantizedReference.Run(graph, feed)["y"].ToSingle());
        // Rounding falls otherwise at ties only; what a layer passes on differs by a step or two.
        for (var i = 0; i < floats.Length; i++) Assert.InRange(Math.Abs(floats[i] - integers[i]), 0, 0.1001f);
        Assert.True(floats.Zip(integers).Count(p => p.First == p.Second) > (network == "pools" ? 0.4 : 0.8) * floats.Length);
    }

    [Fact]
    public void FloatKernelsRunOnlyAtTheEnds()
    {
        using var session = new Session(Build("residual"));
        Assert.Equal(["layout.nchw-to-nhwc", "quantize", "qconv", "qconv", "qconv", "qadd", "dequantize", "layout.nhwc-to-nchw"], session.Plan!.Steps.Select(s => s.Kernel.Replace(".vnni", "", StringComparison.Ordinal)));
    }

    [Fact]
    public void TheBiasOfFewBitWeightsIsNotRoundedToTheirCoarseUnits()
    {
        // One unit of the sum is 0.5 x 0.4 = 0.2; the bias of 0.09 is less than half of it, but nine tenths of a step of the result.
        var b = new GraphBuilder("few");
        var x = b.Input("x", DType.Float32, [1, 1, 1, 4]);
        var zero = b.Constant(Tensor.Scalar((sbyte)0));
        Value Cut(Value value, float scale)
        {
            var unit = b.Constant(Tensor.Scalar(scale));
            return b.Apply(new DequantizeLinear(), b.Apply(new QuantizeLinear(), value, unit, zero), unit, zero);
        }
        var weight = b.Apply(new DequantizeLinear { Axis = 0 }, b.Constant(Tensor.Of<sbyte>([2, 1, 1, 1], 1, -2).Cast(DType.Int4)), b.Constant(Tensor.Vector(0.4f, 0.4f)), null);
        b.Output("y", Cut(b.Conv(Cut(x, 0.5f), weight, b.Constant(Tensor.Vector(0.09f, -0.09f))), 0.1f));
        var feed = new Dictionary<string, Tensor> { ["x"] = Tensor.Of<float>([1, 1, 1, 4], 0, 0.5f, 1, 1.5f) };
        var graph = b.Build();
        using var session = new Session(graph);
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-6);
        Assert.Contains(session.Plan!.Steps, s => s.Kernel.StartsWith("qconv", StringComparison.Ordinal));
    }

    private static Graph Build(string network)
    {
        var b = new GraphBuilder(network);
        var q = new Quantizer(b, network == "int4" ? DType.Int4 : DType.Int8);
        var x = b.Input("x", DType.Float32, [2, 5, 8, 7]);
        var start = q.Cut(x, 0.02f, network == "asymmetric" ? 11 : 0);
        var y = network switch
        {
            "plain" => q.Conv(start, 6, 5, 3, relu: true),
            "asymmetric" => q.Cut(b.Relu(q.Product(start, 6, 5, 3, 1, 1)), 0.03f, -128),
            "residual" => q.Cut(b.Relu(b.Add(q.Conv(q.Conv(start, 6, 5, 3, relu: true), 6, 6, 3, relu: false), q.Conv(start, 6, 5, 1, relu: false))), 0.05f, 0),
            "depthwise" => q.Conv(q.Cut(b.Relu(q.Product(start, 5, 5, 3, 5, 1)), 0.03f, 0), 7, 5, 1, relu: true),
            "pools" => q.Cut(b.Apply(new GlobalAveragePool(), q.Cut(b.Apply(new AveragePool { Window = Window.Of(3, 2, 1) },
                q.Cut(b.Apply(new MaxPool { Window = Window.Of(2, 1) }, start), 0.02f, 0)), 0.02f, 3)), 0.01f, 0),
            "concat" => q.Conv(q.Cut(b.Apply(new Concat(1), q.Conv(start, 6, 5, 3, relu: true), q.Conv(start, 4, 5, 1, relu: true)), 0.03f, 0), 3, 10, 1, relu: false),
            "shuffle" => q.Conv(Shuffled(b, q, b.Apply(new Concat(1), q.Conv(start, 6, 5, 3, relu: true), q.Conv(start, 6, 5, 1, relu: true)), 2), 3, 12, 1, relu: false),
            "moves" => q.Conv(Moved(b, q, q.Conv(start, 6, 5, 1, relu: false)), 3, 6, 3, relu: true),
            "activations" => q.Conv(Activated(b, q, q.Conv(start, 6, 5, 1, relu: false)), 3, 6, 3, relu: true),
            "gate" => q.Conv(Gated(b, q, q.Conv(start, 6, 5, 3, relu: true)), 3, 6, 1, relu: false),
            "tokens" => q.Cut(b.Add(b.MatMul(q.Cut(b.Transpose(b.Reshape(q.Conv(start, 6, 5, 1, relu: false), [2, 6, 56]), 0, 2, 1), 0.03f, 0), q.Matrix(6, 20)),
                b.Constant(FusionTests.Random([20], 5))), 0.05f, -9),
            _ => q.Dense(q.Cut(b.Apply(new Flatten(), q.Conv(start, 6, 5, 3, relu: true)), 0.03f, 0), 9, 6 * 8 * 7),
        };
        b.Output("y", y);
        return b.Build();
    }

    [Fact]
    public void BytesAreMovedAsBytes()
    {
        Assert.Equal(["layout.nchw-to-nhwc", "quantize", "qconv", "qconv", "copy.Interleave", "qconv", "dequantize", "layout.nhwc-to-nchw"], Kernels("shuffle"));
        Assert.Equal(["layout.nchw-to-nhwc", "quantize", "qconv", "copy.Slice", "copy.Pad", "copy.Resize", "copy.Gather", "qconv", "dequantize", "layout.nhwc-to-nchw"], Kernels("moves"));
        Assert.Contains("qgemm", Kernels("tokens"));
    }

    [Fact]
    public void FunctionsOfOneByteAreTables()
    {
        Assert.Equal(["layout.nchw-to-nhwc", "quantize", "qconv", "qtable", "qtable", "qconv", "dequantize", "layout.nhwc-to-nchw"], Kernels("activations"));
        Assert.Equal(["qpool.average", "qconv", "qtable", "qmul.gate"], Kernels("gate").SkipWhile(k => k != "qpool.average").Take(4));
    }

    [Fact]
    public void WhatIsReadAsRealTooIsNotMovedAsBytes()
    {
        var b = new GraphBuilder("both");
        var q = new Quantizer(b, DType.Int8);
        var moved = b.Reshape(q.Cut(b.Input("x", DType.Float32, [2, 6]), 0.02f, 3), [3, 4]);
        b.Output("real", moved);
        b.Output("y", q.Cut(moved, 0.02f, 3));
        using var session = new Session(b.Build());
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([2, 6], 8) };
        Outcome.AssertSame(ReferenceEvaluator.Run(session.Graph, feed), session.Run(feed), 0);
    }

    private static IEnumerable<string> Kernels(string network)
    {
        using var session = new Session(Build(network));
        return [.. session.Plan!.Steps.Select(s => s.Kernel.Replace(".vnni", "", StringComparison.Ordinal))];
    }

    // As a quantizer writes it: each of the three steps on integers of the same format.
    private static Value Shuffled(GraphBuilder b, Quantizer q, Value images, int groups)
    {
        var (shape, x) = (images.Shape, q.Cut(images, 0.03f, 0));
        var parts = q.Cut(b.Reshape(x, [shape[0], groups, shape[1] / groups, shape[2], shape[3]]), 0.03f, 0);
        return q.Cut(b.Reshape(q.Cut(b.Transpose(parts, 0, 2, 1, 3, 4), 0.03f, 0), shape), 0.03f, 0);
    }

    private static Value Activated(GraphBuilder b, Quantizer q, Value x)
    {
        var silu = q.Cut(b.Mul(x, b.Apply(new Sigmoid(), x)), 0.02f, -3);
        var gelu = b.Mul(b.Mul(silu, b.Scalar(0.5, silu)), b.Add(b.Apply(new Erf(), b.Mul(silu, b.Scalar(0.7071, silu))), b.Scalar(1, silu)));
        return q.Cut(gelu, 0.03f, 0);
    }

    private static Value Gated(GraphBuilder b, Quantizer q, Value x)
    {
        var gate = q.Conv(q.Cut(b.Apply(new GlobalAveragePool(), x), 0.01f, -100), 6, 6, 1, relu: false);
        return q.Cut(b.Mul(q.Cut(b.Apply(new HardSigmoid(), gate), 1 / 255f, -128), x), 0.03f, 4);
    }

    private static Value Moved(GraphBuilder b, Quantizer q, Value images)
    {
        var x = q.Cut(b.Apply(new Slice(), images, b.Integers(1), b.Integers(7), b.Integers(2)), 0.03f, 0);
        x = b.Apply(new Pad(), x, b.Integers(0, 0, 1, 0, 0, 0, 0, 2));
        x = b.Apply(new Resize { Mode = "nearest", CoordinateTransformationMode = "asymmetric", NearestMode = "floor" }, x, null, b.Constant(Tensor.Vector<float>([1, 1, 2, 2])));
        return q.Cut(b.Gather(x, b.Integers(5, 3, 1, 0, 2, 4), 1), 0.03f, 0);
    }

    /// <summary>Writes quantized layers as exporters do: DequantizeLinear in front of every input, QuantizeLinear behind.</summary>
    private sealed class Quantizer(GraphBuilder b, DType weights)
    {
        private ulong _seed = 20;

        public Value Cut(Value x, float scale, int zero)
        {
            var (s, z) = (b.Constant(Tensor.Scalar(scale)), b.Constant(Tensor.Scalar((sbyte)zero)));
            return b.Apply(new DequantizeLinear(), b.Apply(new QuantizeLinear(), x, s, z), s, z);
        }

        public Value Conv(Value x, int filters, int channels, int kernel, bool relu)
        {
            var y = Product(x, filters, channels, kernel, 1, 1);
            return Cut(relu ? b.Relu(y) : y, 0.03f, 0);
        }

        public Value Product(Value x, int filters, int channels, int kernel, int group, int stride)
        {
            var (weight, bias) = (Weights([filters, channels / group, kernel, kernel], filters), b.Constant(FusionTests.Random([filters], _seed++)));
            return b.Conv(x, weight, bias, stride: stride, pad: kernel / 2, group: group);
        }

        public Value Dense(Value x, int outputs, int inputs) => Cut(b.Dense(x, Weights([outputs, inputs], outputs)), 0.1f, -5);

        public Value Matrix(int rows, int columns)
        {
            var rng = new Rng(_seed++);
            var numbers = Tensor.Empty(DType.Int8, [rows, columns]);
            foreach (ref var e in numbers.Span<sbyte>()) e = (sbyte)(rng.Next(255) - 127);
            return b.Apply(new DequantizeLinear(), b.Constant(numbers), b.Constant(Tensor.Scalar(0.004f)));
        }

        private Value Weights(Shape shape, int filters)
        {
            var rng = new Rng(_seed++);
            var numbers = Tensor.Empty(DType.Int8, shape);
            foreach (ref var e in numbers.Span<sbyte>()) e = (sbyte)(weights == DType.Int4 ? rng.Next(16) - 8 : rng.Next(255) - 127);
            var scales = new float[filters];
            for (var i = 0; i < filters; i++) scales[i] = (weights == DType.Int4 ? 16 : 1) * (0.001f + (0.002f * rng.NextSingle()));
            return b.Apply(new DequantizeLinear { Axis = 0 }, b.Constant(numbers.Cast(weights)), b.Constant(Tensor.Vector<float>(scales)));
        }
    }
}
