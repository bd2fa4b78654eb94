using Nabi.Ops;

namespace Nabi.Core.Tests.Channels;

public class ConvolutionGroupsTests
{
    [Fact]
    public void Residual() => Check(2, n =>
    {
        var x = n.ConvBn(n.X, 8, 3);
        x = n.B.Relu(n.B.Add(x, n.ConvBn(n.B.Relu(n.ConvBn(x, 6, 3)), 8, 3)));
        return n.Head(x);
    });

    [Fact]
    public void Dense_and_concat() => Check(3, n =>
    {
        var x = n.ConvBn(n.X, 4, 3);
        for (var i = 0; i < 2; i++) x = n.B.Concat(1, x, n.B.Relu(n.ConvBn(x, 4, 3)));
        return n.Head(x);
    });

    [Fact]
    public void Depthwise() => Check(2, n =>
    {
        var x = n.B.Relu(n.ConvBn(n.X, 6, 3));
        x = n.B.Relu(n.ConvBn(x, 12, 3, group: 6));
        return n.Head(n.ConvBn(x, 8, 1));
    });

    [Fact]
    public void Grouped() => Check(3, n =>
    {
        var x = n.ConvBn(n.X, 8, 3);
        x = n.ConvBn(x, 12, 3, group: 2);
        return n.Head(n.ConvBn(x, 6, 1));
    });

    [Fact]
    public void Squeeze_and_excitation() => Check(2, n =>
    {
        var x = n.ConvBn(n.X, 8, 3);
        var gate = n.B.GlobalAveragePool(x);
        gate = n.B.Apply(new Sigmoid(), n.Conv(n.B.Relu(n.Conv(gate, 4, 1)), 8, 1));
        return n.Head(n.B.Mul(x, gate));
    });

    [Fact]
    public void Shuffle() => Check(2, n =>
    {
        var x = n.ConvBn(n.X, 8, 1);
        x = n.B.Apply(new Reshape(), x, n.B.Integers(0, 2, 4, 6, 6));
        x = n.B.Apply(new Reshape(), n.B.Transpose(x, 0, 2, 1, 3, 4), n.B.Integers(0, 8, 6, 6));
        return n.Head(n.ConvBn(x, 8, 3, group: 8));
    }, atLeast: 1);

    [Fact]
    public void Split_into_halves() => Check(3, n =>
    {
        var halves = n.B.Split(n.ConvBn(n.X, 8, 3), 1, 4, 4);
        return n.Head(n.B.Concat(1, halves[0], n.ConvBn(halves[1], 6, 3)));
    });

    [Fact]
    public void Shortcut_by_slice_and_pad() => Check(3, n =>
    {
        var x = n.B.Relu(n.ConvBn(n.X, 4, 3));
        var cut = n.B.Slice(n.B.Slice(x, 2, 0, long.MaxValue, 2), 3, 0, long.MaxValue, 2);
        cut = n.B.Pad(cut, 0, 2, 0, 0, 0, 2, 0, 0);
        return n.Head(n.B.Relu(n.B.Add(cut, n.ConvBn(x, 8, 3, stride: 2))));
    }, atLeast: 2);

    [Fact]
    public void Flatten_into_dense() => Check(2, n =>
    {
        var x = n.B.Flatten(n.B.MaxPool(n.ConvBn(n.X, 6, 3), 2, 2));
        return n.Dense(n.B.Relu(n.Dense(x, 10)), 5);
    });

    [Fact]
    public void Mean_over_the_map() => Check(1, n =>
    {
        var x = n.ConvBn(n.X, 6, 3);
        return n.Dense(n.B.Apply(new ReduceMean { Keepdims = false }, x, n.B.Integers(2, 3)), 5);
    });

    [Fact]
    public void Fake_quantized_activations() => Check(1, n =>
        n.Head(n.B.FakeQuantize(n.ConvBn(n.X, 6, 3), n.B.Constant(Tensor.Scalar(0.05f)))));

    private static void Check(int groups, Func<TestNet, Value> body, int? atLeast = null)
    {
        var net = new TestNet();
        net.B.Output("y", body(net));
        var graph = net.B.Build();
        var found = ChannelGroups.Of(graph);
        if (atLeast is { } least) Assert.True(found.Count >= least, found.ToString());
        else Assert.True(found.Count == groups, found.ToString());
        PruningAssert.PrunedEqualsMasked(graph, found);
    }

    private sealed class TestNet
    {
        private readonly Rng _rng = new(3);

        public TestNet() => X = B.Input("x", DType.Float32, [Shape.Unknown, 3, 6, 6]);

        public GraphBuilder B { get; } = new("net");

        public Value X { get; }

        public Value Conv(Value x, int channels, int kernel, int stride = 1, int group = 1) =>
            B.Conv(x, Weight("w", channels, x.Shape[1] / group, kernel, kernel), Weight("b", channels), stride, kernel / 2, group: group);

        public Value ConvBn(Value x, int channels, int kernel, int stride = 1, int group = 1) => B.BatchNorm(
            B.Conv(x, Weight("w", channels, x.Shape[1] / group, kernel, kernel), null, stride, kernel / 2, group: group),
            Weight("scale", channels), Weight("shift", channels), B.Constant(Tensor.Full<float>([channels], 0.1f)), B.Constant(Tensor.Full<float>([channels], 0.8f)));

        public Value Dense(Value x, int width) => B.Dense(x, Weight("w", width, x.Shape[1]), Weight("b", width));

        public Value Head(Value x) => Dense(B.Flatten(B.GlobalAveragePool(x)), 5);

        private Value Weight(string name, params int[] shape)
        {
            var data = Tensor.Empty(DType.Float32, Shape.Create(shape));
            foreach (ref var w in data.Span<float>()) w = (float)_rng.NextGaussian() * 0.5f;
            return B.Parameter(name, data);
        }
    }
}
