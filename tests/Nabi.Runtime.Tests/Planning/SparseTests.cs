using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Graphs with constant weights that have many zeros.</summary>
public class SparseTests
{
    [Theory]
    [InlineData("pointwise", 0.95, "conv.sparse")]
    [InlineData("pointwise", 0.1, "conv.pointwise")]
    [InlineData("normalized", 0.95, "conv.sparse")]
    [InlineData("residual", 0.95, "conv.sparse")]
    [InlineData("matmul", 0.95, "gemm.sparse")]
    [InlineData("dense", 0.95, "gemm.sparse")]
    [InlineData("matmul", 0.1, "gemm")]
    public void ZerosAreSkippedWhereThereAreMany(string layer, double zeros, string kernel)
    {
        if (Simd.Lanes == 1) kernel = kernel.Replace("sparse", "blocks", StringComparison.Ordinal);   // a register of one number is a block
        var chance = new Rng(11);
        var graph = Build(layer, _ => chance.NextDouble() < zeros);
        foreach (var threads in (int[])[1, 2])
            Check(graph, threads, kernel);
    }

    [Theory]
    [InlineData("pointwise", "conv.blocks")]
    [InlineData("matmul", "gemm.blocks")]
    public void BlocksOfChannelsAreSkippedAtOnce(string layer, string kernel)
    {
        // [out, in] or [in, out]: all outputs of four inputs in five.
        Check(Build(layer, i => (layer == "matmul" ? i / Channels : i % Channels) % 5 != 0), 1, kernel);
    }

    [Theory]
    [InlineData(3, 1, 0.95, "conv.sparse")]
    [InlineData(3, 2, 0.95, "conv.sparse")]
    [InlineData(5, 1, 0.95, "conv.sparse")]
    [InlineData(3, 1, 0.5, "conv.winograd")]
    [InlineData(3, 2, 0.1, "conv.direct")]
    public void WindowsSkipZerosWhereThereAreMany(int size, int stride, double zeros, string kernel)
    {
        var (chance, b) = (new Rng(11), new GraphBuilder("window"));
        var numbers = FusionTests.Random([64, 64, size, size], 1);
        foreach (ref var number in numbers.Span<float>())
            if (chance.NextDouble() < zeros) number = 0;
        var x = b.Input("x", DType.Float32, [2, 64, 19, 16]);
        b.Output("y", b.Relu(b.Conv(x, b.Parameter("w", numbers), b.Parameter("b", FusionTests.Random([64], 2)), stride, pad: size / 2)));
        var graph = b.Build();
        foreach (var threads in (int[])[1, 2])
            CheckStart(graph, threads, kernel);
    }

    [Theory]
    [InlineData("pointwise", "conv.sparse")]
    [InlineData("matmul", "gemm.sparse")]
    public void StoredWeightsAreDecodedToSkipTheirZeros(string layer, string kernel)
    {
        if (Simd.Lanes == 1) return;
        var (rng, b) = (new Rng(5), new GraphBuilder(layer));
        var indices = new byte[Channels * Channels];
        for (var i = 0; i < indices.Length; i++) indices[i] = rng.NextDouble() < 0.92 ? (byte)0 : (byte)(1 + rng.Next(31));
        Shape shape = layer == "matmul" ? [Channels, Channels] : [Channels, Channels, 1, 1];
        var weight = b.Apply(new Ops.Codebook { HasZero = true }, b.Constant(Tensor.Of(shape, indices)), b.Constant(FusionTests.Random([31], 7)));
        var x = b.Input("x", DType.Float32, layer == "matmul" ? [48, Channels] : [1, Channels, 9, 7]);
        b.Output("y", layer == "matmul" ? b.MatMul(x, weight) : b.Relu(b.Conv(x, weight)));
        Check(b.Build(), 1, kernel);
    }

    [Fact]
    public void ChoicesKnowTheKernelsThatSkipZeros()
    {
        var graph = Build("pointwise", i => i % 7 != 0);
        var (choices, measured) = KernelChoices.None.Measure(graph, new SessionOptions { Threads = 1 }, TimeProvider.System);
        var shape = Assert.Single(measured);
        Assert.Contains("zeros", shape.Shape, StringComparison.Ordinal);
        Assert.Contains("sparse", shape.Kernels.Select(k => k.Kernel));
        using var session = new Session(graph, new SessionOptions { Threads = 1, Choices = choices });
        Assert.Contains(session.Plan!.Steps, s => s.Kernel.StartsWith($"conv.{shape.Kernels[0].Kernel}", StringComparison.Ordinal));
    }

    private const int Channels = 128;

    private static void Check(Graph graph, int threads, string kernel)
    {
        var step = CheckStart(graph, threads, kernel);
        Assert.True(step == kernel || step.StartsWith(kernel + "+", StringComparison.Ordinal), step);
    }

    private static string CheckStart(Graph graph, int threads, string kernel)
    {
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random(graph.Inputs[0].Shape, 3) };
        using var session = new Session(graph, new SessionOptions { Threads = threads });
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-4);
        var step = session.Plan!.Steps.Single(s => s.Macs > 0).Kernel;
        Assert.StartsWith(kernel, step, StringComparison.Ordinal);
        return step;
    }

    private static Graph Build(string layer, Predicate<int> isZero)
    {
        var b = new GraphBuilder(layer);
        var numbers = FusionTests.Random([Channels, Channels], 1).ToSingle();
        for (var i = 0; i < numbers.Length; i++)
            if (isZero(i)) numbers[i] = 0;
        if (layer is "matmul" or "dense")
        {
            var rows = b.Input("x", DType.Float32, [48, Channels]);
            var matrix = b.Parameter("w", Tensor.Of([Channels, Channels], numbers));
            b.Output("y", layer == "matmul" ? b.MatMul(rows, matrix) : b.Relu(b.Dense(rows, matrix, b.Parameter("b", FusionTests.Random([Channels], 2)))));
            return b.Build();
        }
        var x = b.Input("x", DType.Float32, [1, Channels, 9, 7]);
        var y = b.Conv(x, b.Parameter("w", Tensor.Of([Channels, Channels, 1, 1], numbers)), b.Parameter("b", FusionTests.Random([Channels], 2)));
        if (layer == "normalized")
            y = b.BatchNorm(y, b.Parameter("scale", FusionTests.Random([Channels], 4)), b.Parameter("shift", FusionTests.Random([Channels], 5)),
                b.Parameter("mean", FusionTests.Random([Channels], 6)), b.Parameter("variance", Tensor.Full<float>([Channels], 0.7f)));
        b.Output("y", layer == "residual" ? b.Relu(b.Add(y, x)) : b.Relu(y));
        return b.Build();
    }
}
