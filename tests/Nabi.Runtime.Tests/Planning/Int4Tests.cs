using Nabi.Ops;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Graphs whose weights are DequantizeLinear of constants of 4 bits.</summary>
public class Int4Tests
{
    public static TheoryData<string, int, bool> Layers()
    {
        var data = new TheoryData<string, int, bool>();
        foreach (var layer in (string[])["dense", "gemm", "matmul", "pointwise", "residual", "parts"])
        {
            foreach (var block in (int[])[-1, 0, 16, 32])
            {
                data.Add(layer, block, false);
                data.Add(layer, block, true);
            }
        }
        return data;
    }

    [Theory, MemberData(nameof(Layers))]
    public void KernelsReadTheFourBits(string layer, int block, bool hasZeros)
    {
        var graph = Build(layer, block, hasZeros);
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random(graph.Inputs[0].Shape, 3) };
        foreach (var threads in (int[])[1, 2])
        {
            using var session = new Session(graph, new SessionOptions { Threads = threads });
            Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-4);
            Assert.All(session.Plan!.Steps, s => Assert.True(s.Macs == 0 || s.Kernel.StartsWith("gemm.int4", StringComparison.Ordinal), s.Kernel));
        }
    }

    [Fact]
    public void PackedWeightsTakeFourBitsAndTheirScales()
    {
        var b = new GraphBuilder("large");
        const int size = 512;
        b.Output("y", b.Dense(b.Input("x", DType.Float32, [1, size]), Weight(b, [size, size], 0, 32, hasZeros: false)));
        using var session = new Session(b.Build());
        session.Run(new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([1, size], 3) });
        Assert.InRange(session.Plan!.ConstantBytes, size * size / 2, (size * size / 2) + (size * size / 32 * sizeof(float)) + 64);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void WhatNoKernelReadsBecomesFloatOnce(int axis)
    {
        var b = new GraphBuilder("window");
        var weight = Weight(b, [6, 5, 3, 3], axis, 0, hasZeros: true);
        b.Output("y", b.Conv(b.Input("x", DType.Float32, [1, 5, 9, 7]), weight, pad: 1));
        var graph = b.Build();
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random(graph.Inputs[0].Shape, 3) };
        using var session = new Session(graph);
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-4);
        Assert.Empty(session.Plan!.ReferenceKernels);
    }

    private static Graph Build(string layer, int block, bool hasZeros)
    {
        var b = new GraphBuilder(layer);
        const int columns = 37, depth = 72;
        if (layer is "dense" or "gemm" or "matmul")
        {
            var x = b.Input("x", DType.Float32, layer == "matmul" ? [3, 5, depth] : [2, depth]);
            var isTransposed = layer == "dense";
            var weight = Weight(b, isTransposed ? [columns, depth] : [depth, columns], isTransposed ? 0 : 1, block, hasZeros);
            var bias = b.Constant(FusionTests.Random([columns], 9));
            b.Output("y", layer == "matmul" ? b.Add(b.MatMul(x, weight), bias) : b.Relu(b.Apply(new Gemm { TransB = isTransposed }, x, weight, bias)));
            return b.Build();
        }
        var image = b.Input("x", DType.Float32, [2, depth, 3, 5]);
        var y = b.Conv(image, Weight(b, [depth, depth, 1, 1], 0, block, hasZeros), b.Constant(FusionTests.Random([depth], 9)));
        y = layer switch
        {
            "residual" => b.Relu(b.Add(y, image)),
            "parts" => b.Apply(new Concat(1), b.Relu(y), b.Conv(y, Weight(b, [columns, depth, 1, 1], 0, block, hasZeros))),
            _ => b.Relu(y),
        };
        b.Output("y", y);
        return b.Build();
    }

    // A block of -1 is one scale for all, of 0 one for each column.
    private static Value Weight(GraphBuilder b, Shape shape, int columnAxis, int block, bool hasZeros)
    {
        var depthAxis = 1 - columnAxis;
        Shape scale = block < 0 ? Shape.Scalar : block == 0 ? [shape[columnAxis]] : shape.With(depthAxis, (shape[depthAxis] + block - 1) / block);
        var rng = new Rng(5);
        var (numbers, zeros, scales) = (Tensor.Empty(DType.Int8, shape), Tensor.Empty(DType.Int8, scale), Tensor.Empty(DType.Float32, scale));
        foreach (ref var e in numbers.Span<sbyte>()) e = (sbyte)(rng.Next(16) - 8);
        foreach (ref var e in zeros.Span<sbyte>()) e = (sbyte)(rng.Next(16) - 8);
        foreach (ref var e in scales.Span<float>()) e = 0.01f + (0.02f * rng.NextSingle());
        return b.Apply(new DequantizeLinear { Axis = block > 0 ? depthAxis : columnAxis, BlockSize = Math.Max(0, block) },
            b.Constant(numbers.Cast(DType.Int4)), b.Constant(scales), hasZeros ? b.Constant(zeros.Cast(DType.Int4)) : null);
    }
}
