using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Graphs whose weights share a few values.</summary>
public class CodebookTests
{
    private const int Columns = 150;
    private const int Depth = 120;

    [Theory]
    [InlineData("dense", 1, 16, false, true)]
    [InlineData("dense", 1, 15, true, true)]
    [InlineData("gemm", 1, 7, true, true)]
    [InlineData("matmul", 1, 16, false, true)]
    [InlineData("pointwise", 1, 15, true, true)]
    [InlineData("dense", 1, 17, false, false)]
    [InlineData("dense", 1, 16, true, false)]
    [InlineData("dense", 2, 16, false, false)]
    public void OneRowLooksUpFourBitsInRegisters(string layer, int rows, int centroids, bool hasZero, bool looksUp)
    {
        var graph = Build(layer, rows, centroids, hasZero);
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random(graph.Inputs[0].Shape, 3) };
        foreach (var threads in (int[])[1, 2])
        {
            using var session = new Session(graph, new SessionOptions { Threads = threads });
            Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-4);
            var kernel = session.Plan!.Steps.Single(s => s.Macs > 0).Kernel;
            Assert.Equal(looksUp && Simd.Lanes >= 16, kernel.StartsWith("gemm.codebook", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void PackedIndicesTakeFourBits()
    {
        if (Simd.Lanes < 16) return;   // floats there
        using var session = new Session(Build("dense", 1, 16, hasZero: false));
        session.Run(new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([1, Depth], 3) });
        Assert.InRange(session.Plan!.ConstantBytes, Columns * Depth / 2, Columns * Depth);
    }

    private static Graph Build(string layer, int rows, int centroids, bool hasZero)
    {
        var b = new GraphBuilder(layer);
        var isTransposed = layer is "dense" or "pointwise";
        var (rng, indices) = (new Rng(5), new byte[Columns * Depth]);
        for (var i = 0; i < indices.Length; i++) indices[i] = (byte)rng.Next(centroids + (hasZero ? 1 : 0));
        Shape shape = layer == "pointwise" ? [Columns, Depth, 1, 1] : isTransposed ? [Columns, Depth] : [Depth, Columns];
        var weight = b.Apply(new Codebook { HasZero = hasZero }, b.Constant(Tensor.Of(shape, indices)), b.Constant(FusionTests.Random([centroids], 7)));
        var bias = b.Constant(FusionTests.Random([Columns], 9));
        var x = b.Input("x", DType.Float32, layer == "pointwise" ? [rows, Depth, 1, 1] : [rows, Depth]);
        b.Output("y", layer switch
        {
            "pointwise" => b.Relu(b.Conv(x, weight, bias)),
            "matmul" => b.Add(b.MatMul(x, weight), bias),
            _ => b.Relu(b.Apply(new Ops.Gemm { TransB = isTransposed }, x, weight, bias)),
        });
        return b.Build();
    }
}
