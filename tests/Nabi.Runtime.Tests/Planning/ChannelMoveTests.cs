namespace Nabi.Runtime.Tests.Planning;

/// <summary>Index layers, channel shuffles and narrow groups, which work on images where they lie, against the reference.</summary>
public class ChannelMoveTests
{
    [Fact]
    public void AShuffleBetweenConvolutionsIsOneGatherWithoutConversions()
    {
        var b = new GraphBuilder("shuffle");
        var x = b.Conv(b.Input("x", DType.Float32, [2, 4, 6, 5]), Weight(b, 12, 4, 1));
        var y = b.Reshape(b.Transpose(b.Reshape(x, [2, 3, 4, 6, 5]), 0, 2, 1, 3, 4), [2, 12, 6, 5]);
        b.Output("y", b.Conv(b.Relu(y), Weight(b, 5, 12, 2)));
        var plan = AssertSame(b.Build());
        Assert.Equal(["layout.nchw-to-nhwc", "conv.pointwise", "copy.Gather", "elementwise[Relu]", "conv.pointwise", "layout.nhwc-to-nchw"], plan.Steps.Select(s => s.Kernel));
    }

    [Fact]
    public void AnotherTranspositionIsNotTakenForAShuffle()
    {
        var b = new GraphBuilder("other");
        var x = b.Input("x", DType.Float32, [2, 4, 2, 2]);
        b.Output("y", b.Reshape(b.Transpose(b.Reshape(x, [2, 2, 2, 2, 2]), 0, 1, 3, 2, 4), [2, 4, 2, 2]));
        Assert.DoesNotContain("copy.Gather", AssertSame(b.Build()).Steps.Select(s => s.Kernel));
    }

    [Theory]
    [InlineData(0, -1, 3, 3, 2, 7)]
    [InlineData(5)]
    public void ChannelsAreGatheredInAnyOrderAndNumberAndAddedBack(params int[] channels)
    {
        var b = new GraphBuilder("index");
        var x = b.Conv(b.Input("x", DType.Float32, [2, 3, 4, 5]), Weight(b, 8, 3, 1));
        var y = b.Gather(x, b.Integers(Array.ConvertAll(channels, c => (long)c)), 1);
        b.Output("y", b.Conv(y, Weight(b, 2, channels.Length, 2)));
        b.Output("gradient", Gradients.Add(b, b.ReduceSum(b.Square(y), [], keepdims: false), [x])[0]);
        Assert.Contains("add.Gather", AssertSame(b.Build()).Steps.Select(s => s.Kernel));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void RowMajorTensorsAreGatheredInBlocks(int axis)
    {
        var b = new GraphBuilder("blocks");
        var x = b.Input("x", DType.Float32, [3, 4, 5]);
        b.Output("y", b.Gather(x, b.Integers(2, 0, -1, 2), axis));
        b.Output("table", b.Gather(x, b.Constant(Tensor.Of<long>([2, 2], 1, 0, 2, -2)), axis));
        b.Output("one", b.Gather(x, b.Constant(Tensor.Scalar(1L)), axis));
        Assert.Empty(AssertSame(b.Build()).ReferenceKernels);
    }

    [Theory]
    [InlineData(8, 8, 8, 3)]
    [InlineData(6, 12, 6, 3)]
    [InlineData(12, 4, 4, 1)]
    [InlineData(15, 45, 5, 3)]
    [InlineData(8, 40, 2, 3)]
    public void GroupsOfFewFiltersAreComputedTogether(int inputs, int filters, int groups, int kernel)
    {
        var b = new GraphBuilder("narrow");
        var x = b.Input("x", DType.Float32, [2, inputs, 6, 7]);
        var y = b.Conv(x, b.Parameter("w", FusionTests.Random([filters, inputs / groups, kernel, kernel], 4)), b.Parameter("b", FusionTests.Random([filters], 5)), 1, kernel / 2, group: groups);
        b.Output("y", b.Relu(y));
        AssertSame(b.Build());
    }

    private static Value Weight(GraphBuilder b, int filters, int inputs, ulong seed) => b.Parameter($"w{seed}", FusionTests.Random([filters, inputs, 1, 1], seed));

    private static Plan AssertSame(Graph graph)
    {
        var feed = graph.Inputs.ToDictionary(i => i.Name, i => FusionTests.Random(i.Shape, 77));
        using var session = new Session(graph, new SessionOptions { Threads = 2 });
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-4);
        return session.Plan!;
    }
}
