using Nabi.Ops;
using Nabi.Passes;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Products of binary and ternary activations with weights of +-1 behind a DequantizeLinear.</summary>
public class BitProductTests
{
    public static TheoryData<string, bool> Layers()
    {
        var data = new TheoryData<string, bool>();
        foreach (var layer in (string[])["dense", "matmul", "conv", "strided", "grouped", "normalized", "residual", "branches", "one axis"])
        {
            data.Add(layer, false);
            data.Add(layer, true);
        }
        return data;
    }

    [Theory, MemberData(nameof(Layers))]
    public void RunOnBits(string layer, bool isTernary)
    {
        var graph = Build(layer, isTernary);
        AssertRunsOnBits(graph, isTernary);
        AssertRunsOnBits(graph.Through(Standardize.Pass), isTernary);
    }

    [Fact]
    public void WhatAnotherReadsTooIsMadeOnce()
    {
        var b = new GraphBuilder("both");
        var signs = b.Apply(new Binarize(), b.Input("x", DType.Float32, [1, 40, 5, 5]));
        b.Output("y", b.Conv(signs, Signs(b, [8, 40, 3, 3], 0), pad: 1));
        b.Output("signs", signs);
        AssertSame(b.Build());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void OtherWeightsStayInFloats(int weight)
    {
        var b = new GraphBuilder("others");
        var numbers = Tensor.Zeros(DType.Int8, [8, 40, 1, 1]);
        numbers.Span<sbyte>().Fill(1);
        numbers.Span<sbyte>()[5] = (sbyte)weight;
        var weights = b.Apply(new DequantizeLinear { Axis = 0 }, b.Constant(numbers), b.Constant(Tensor.Scalar(0.5f)));
        b.Output("y", b.Conv(b.Apply(new Binarize(), b.Input("x", DType.Float32, [1, 40, 5, 5])), weights));
        Assert.DoesNotContain(AssertSame(b.Build()).Steps, s => s.Kernel.Contains("binary", StringComparison.Ordinal));
    }

    [Fact]
    public void PackedWeightsTakeOneBit()
    {
        var b = new GraphBuilder("large");
        b.Output("y", b.Dense(b.Apply(new Binarize(), b.Input("x", DType.Float32, [1, 1024])), Signs(b, [1024, 1024], 0)));
        using var session = new Session(b.Build());
        session.Run(new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([1, 1024], 3) });
        Assert.InRange(session.Plan!.ConstantBytes, 1024 * 1024 / 8, (1024 * 1024 / 8) + (3 * 1024 * sizeof(float)) + 256);
    }

    private static void AssertRunsOnBits(Graph graph, bool isTernary)
    {
        var plan = AssertSame(graph);
        Assert.All(plan.Steps, s => Assert.True(s.Macs == 0 || s.Kernel.Contains(isTernary ? ".ternary" : ".binary", StringComparison.Ordinal), s.Kernel));
        Assert.DoesNotContain(plan.Steps, s => s.Kernel.StartsWith("elementwise", StringComparison.Ordinal));
    }

    private static Plan AssertSame(Graph graph)
    {
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random(graph.Inputs[0].Shape, 3) };
        Plan? plan = null;
        foreach (var threads in (int[])[1, 2])
        {
            using var session = new Session(graph, new SessionOptions { Threads = threads });
            Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-6);
            Assert.Empty(session.Plan!.ReferenceKernels);
            plan = session.Plan;
        }
        return plan!;
    }

    private static Graph Build(string layer, bool isTernary)
    {
        var b = new GraphBuilder(layer);
        Value Active(Value x) => isTernary ? b.Apply(new Ternarize(), x, b.Constant(Tensor.Scalar(0.4f))) : b.Apply(new Binarize(), x);
        const int channels = 40, filters = 21;
        if (layer is "dense" or "matmul")
        {
            var x = b.Input("x", DType.Float32, layer == "matmul" ? [3, 5, channels] : [7, channels]);
            var bias = b.Constant(FusionTests.Random([filters], 9));
            b.Output("y", layer == "matmul" ? b.Add(b.MatMul(Active(x), Signs(b, [channels, filters], 1)), bias) : b.Relu(b.Dense(Active(x), Signs(b, [filters, channels], 0), bias)));
            return b.Build();
        }
        if (layer == "one axis")
        {
            var line = b.Input("x", DType.Float32, [2, channels, 17]);
            b.Output("y", b.Apply(new Conv { Window = new Window { Strides = [2], Pads = [1, 1] } }, Active(line), Signs(b, [filters, channels, 3], 0)));
            return b.Build();
        }
        var image = b.Input("x", DType.Float32, [2, channels, 9, 7]);
        var signs = Active(image);
        var y = layer switch
        {
            "strided" => b.Conv(signs, Signs(b, [filters, channels, 3, 3], 0), stride: 2, pad: 1),
            "grouped" => b.Apply(new Conv { Window = Window.Of(3, pad: 1), Group = 2 }, signs, Signs(b, [2 * filters, channels / 2, 3, 3], 0)),
            "normalized" => b.Relu(Normalized(b, b.Conv(signs, Signs(b, [filters, channels, 3, 3], 0), pad: 1), filters)),
            "residual" => b.Relu(b.Add(b.Conv(signs, Signs(b, [channels, channels, 3, 3], 0), pad: 1), image)),
            "branches" => b.Apply(new Concat(1), b.Conv(signs, Signs(b, [filters, channels, 3, 3], 0), pad: 1), b.Conv(signs, Signs(b, [5, channels, 1, 1], 0))),
            _ => b.Conv(signs, Signs(b, [filters, channels, 3, 3], 0), pad: 1),
        };
        b.Output("y", y);
        return b.Build();
    }

    private static Value Normalized(GraphBuilder b, Value x, int channels)
    {
        Value Vector(ulong seed, float from) => b.Constant(Tensor.Of([channels], [.. FusionTests.Random([channels], seed).ToSingle().Select(v => from + (0.1f * v))]));
        return b.Apply(new BatchNormalization(), x, Vector(1, 1), Vector(2, 0), Vector(3, 0), Vector(4, 1));
    }

    private static Value Signs(GraphBuilder b, Shape shape, int filterAxis)
    {
        var rng = new Rng(5);
        var (numbers, scales) = (Tensor.Empty(DType.Int8, shape), Tensor.Empty(DType.Float32, [shape[filterAxis]]));
        foreach (ref var e in numbers.Span<sbyte>()) e = (sbyte)((2 * rng.Next(2)) - 1);
        foreach (ref var e in scales.Span<float>()) e = 0.01f + (0.02f * rng.NextSingle());
        return b.Apply(new DequantizeLinear { Axis = filterAxis }, b.Constant(numbers), b.Constant(scales));
    }
}
