using Nabi.Ops;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Channels that are written to and read from where they lie in wider images, against the reference.</summary>
public class PartTests
{
    [Fact]
    public void ConvolutionsWriteIntoTheirConcatenation()
    {
        var b = new GraphBuilder("fire");
        var x = b.Relu(Conv(b, b.Input("x", DType.Float32, [2, 5, 6, 7]), 6, 1));
        var y = b.Apply(new Concat(1), b.Relu(Conv(b, x, 7, 2)), b.Relu(Conv(b, x, 9, 3, kernel: 3)), b.Apply(new MaxPool { Window = Window.Of(3, 1, 1) }, x));
        b.Output("y", Conv(b, y, 4, 4));
        var plan = AssertSame(b.Build());
        var copy = Assert.Single(plan.Steps, s => s.Kernel == "copy.Concat");
        Assert.Single(copy.Inputs);
    }

    [Fact]
    public void WithoutOtherPartsNothingIsLeftToCopy()
    {
        var b = new GraphBuilder("expand");
        var x = Conv(b, b.Input("x", DType.Float32, [1, 3, 8, 8]), 16, 1);
        b.Output("y", Conv(b, b.Relu(b.Apply(new Concat(1), Conv(b, x, 16, 2), b.Add(Conv(b, x, 16, 3, kernel: 3), x))), 4, 4));
        Assert.DoesNotContain(AssertSame(b.Build()).Steps, s => s.Kernel.StartsWith("copy", StringComparison.Ordinal));
    }

    [Fact]
    public void PartsThatOthersReadAreCopied()
    {
        var b = new GraphBuilder("shared");
        var x = b.Input("x", DType.Float32, [1, 3, 8, 8]);
        var (left, right) = (Conv(b, x, 5, 1), Conv(b, x, 6, 2));
        var whole = b.Apply(new Concat(1), left, right, left);
        b.Output("y", Conv(b, b.Relu(whole), 4, 3));
        b.Output("left", b.Mul(left, left));
        b.Output("whole", whole);
        AssertSame(b.Build());
    }

    [Theory]
    [InlineData(0, 6)]
    [InlineData(4, 11)]
    public void NeighbouringChannelsAreReadWhereTheyLie(int from, int to)
    {
        var b = new GraphBuilder("slice");
        var x = b.Relu(Conv(b, b.Input("x", DType.Float32, [2, 3, 5, 6]), 12, 1));
        var part = b.Slice(x, 1, from, to);
        b.Output("y", Conv(b, part, 9, 2));
        var plan = AssertSame(b.Build());
        Assert.DoesNotContain(plan.Steps, s => s.Kernel == "copy.Slice");
    }

    [Fact]
    public void KernelsThatReadWholeImagesGetACopyOfAPart()
    {
        var b = new GraphBuilder("parts");
        var x = Conv(b, b.Input("x", DType.Float32, [2, 3, 5, 6]), 12, 1);
        var (left, right) = (b.Slice(x, 1, 0, 5), b.Slice(x, 1, 5, 12));
        var inner = b.Slice(right, 1, 2, 7);
        b.Output("sum", b.Add(left, inner));
        b.Output("right", right);
        b.Output("deep", Conv(b, b.Relu(right), 4, 2, kernel: 3));
        b.Output("again", Conv(b, b.Apply(new Concat(1), inner, x, left), 4, 3));
        AssertSame(b.Build());
    }

    [Fact]
    public void AShuffleOfTwoPartsIsOnePass()
    {
        var b = new GraphBuilder("unit");
        var x = Conv(b, b.Input("x", DType.Float32, [2, 3, 6, 5]), 38, 1);
        for (ulong unit = 0; unit < 2; unit++)
        {
            var (left, right) = (b.Slice(x, 1, 0, 19), b.Relu(Conv(b, b.Slice(x, 1, 19, 38), 19, 2 + unit)));
            var joined = b.Reshape(b.Apply(new Concat(1), left, right), [2, 2, 19, 6, 5]);
            x = b.Reshape(b.Transpose(joined, 0, 2, 1, 3, 4), [2, 38, 6, 5]);
        }
        b.Output("y", Conv(b, x, 4, 5));
        var plan = AssertSame(b.Build());
        Assert.Equal(["copy.Interleave", "copy.Interleave"], plan.Steps.Select(s => s.Kernel).Where(k => k.StartsWith("copy", StringComparison.Ordinal)));
    }

    private static Value Conv(GraphBuilder b, Value x, int filters, ulong seed, int kernel = 1) =>
        b.Conv(x, b.Parameter($"w{seed}", FusionTests.Random([filters, x.Shape[1], kernel, kernel], seed)), b.Parameter($"b{seed}", FusionTests.Random([filters], seed + 50)), pad: kernel / 2);

    private static Plan AssertSame(Graph graph)
    {
        var feed = graph.Inputs.ToDictionary(i => i.Name, i => FusionTests.Random(i.Shape, 77));
        using var session = new Session(graph, new SessionOptions { Threads = 2 });
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-4);
        return session.Plan!;
    }
}
