using Nabi.Ops;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Graphs in which several nodes become one step, or layouts change, against the reference.</summary>
public class FusionTests
{
    [Fact]
    public void ConvolutionTakesNormalizationResidualAndActivation()
    {
        var b = new GraphBuilder("block");
        var x = b.Input("x", DType.Float32, [2, 5, 9, 7]);
        var y = b.Relu(b.Add(Normalized(b, Conv(b, Normalized(b, Conv(b, x, 8, 5), 8, relu: true), 5, 8), 5), x));
        b.Output("y", y);
        var graph = b.Build();
        var plan = AssertSame(graph);
        Assert.Equal(["layout.nchw-to-nhwc", "conv.direct+bias+relu", "conv.direct+bias+residual+relu", "layout.nhwc-to-nchw"], plan.Steps.Select(s => s.Kernel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ResidualMayBeWhatTheProductReads(bool isConvolution)
    {
        var b = new GraphBuilder("self");
        var x = b.Relu(b.Input("x", DType.Float32, isConvolution ? [1, 40, 3, 5] : [9, 40]));
        b.Output("y", b.Add(isConvolution ? b.Conv(x, b.Constant(Random([40, 40, 1, 1], 1))) : b.Dense(x, b.Constant(Random([40, 40], 1))), x));
        var graph = b.Build();
        var feed = new Dictionary<string, Tensor> { ["x"] = Random(graph.Inputs[0].Shape, 2) };
        using var session = new Session(graph);
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-4);
    }

    [Fact]
    public void ResidualMayBeAConvolutionThatComesLater()
    {
        var b = new GraphBuilder("projection");
        var x = b.Input("x", DType.Float32, [1, 4, 6, 6]);
        var main = Conv(b, x, 8, 4);
        var shortcut = Conv(b, x, 8, 4, kernel: 1);
        b.Output("y", b.Relu(b.Add(main, shortcut)));
        AssertSame(b.Build());
    }

    [Fact]
    public void ElementwiseChainIsOneStep()
    {
        var b = new GraphBuilder("chain");
        var x = b.Input("x", DType.Float32, [3, 4, 5, 6]);
        var z = b.Input("z", DType.Float32, [4, 1, 1]);
        var s = b.Apply(new Sigmoid(), b.Mul(x, z));
        b.Output("y", b.Sub(b.Mul(x, s), b.Apply(new Tanh(), b.Add(s, z))));
        var plan = AssertSame(b.Build());
        Assert.Single(plan.Steps);
    }

    [Fact]
    public void ComposedActivationsEndTheProductBeforeThem()
    {
        var b = new GraphBuilder("activations");
        var y = Conv(b, b.Input("x", DType.Float32, [1, 5, 9, 7]), 20, 5);
        y = Conv(b, b.Mul(b.Apply(new Sigmoid(), y), y), 33, 20, kernel: 1);
        y = Conv(b, b.Mul(y, b.Apply(new HardSigmoid { Alpha = 1f / 6f }, y)), 18, 33, kernel: 1);
        y = Conv(b, b.Mul(b.Mul(y, b.Add(b.Erf(b.Div(y, Math.Sqrt(2))), 1)), 0.5), 40, 18, kernel: 1);
        b.Output("y", b.Mul(b.Mul(y, 0.5), b.Add(b.Erf(b.Mul(y, Math.Sqrt(0.5))), 1.0)));
        Assert.Equal(["+silu", "+hardswish", "+gelu", "+gelu"], AssertSame(b.Build()).Steps.Select(s => s.Kernel).Where(k => k.StartsWith("conv", StringComparison.Ordinal)).Select(k => k[k.LastIndexOf('+')..]));
    }

    [Fact]
    public void ActivationWhosePartIsReadElsewhereStays()
    {
        var b = new GraphBuilder("gate");
        var x = b.Input("x", DType.Float32, [3, 50]);
        var gate = b.Apply(new Sigmoid(), x);
        b.Output("gate", gate);
        b.Output("y", b.Mul(x, gate));
        AssertSame(b.Build());
    }

    [Fact]
    public void FlattenAfterConvolutionKeepsTheGraphsOrder()
    {
        var b = new GraphBuilder("flatten");
        var x = b.Input("x", DType.Float32, [2, 3, 5, 4]);
        var flat = b.Apply(new Flatten(), b.Relu(Conv(b, x, 6, 3)));
        b.Output("y", b.Dense(flat, b.Parameter("w", Random([7, 120], 5)), b.Parameter("bias", Random([7], 6))));
        AssertSame(b.Build());
    }

    [Fact]
    public void SqueezeAndExciteScalesChannels()
    {
        var b = new GraphBuilder("se");
        var x = b.Input("x", DType.Float32, [2, 8, 6, 5]);
        var y = b.Relu(Conv(b, x, 8, 8));
        var gate = b.Apply(new HardSigmoid(), Conv(b, b.Relu(Conv(b, b.Apply(new GlobalAveragePool(), y), 4, 8, kernel: 1)), 8, 4, kernel: 1));
        b.Output("y", b.Mul(y, gate));
        var plan = AssertSame(b.Build());
        Assert.Equal(2, plan.Steps.Count(s => s.Kernel.StartsWith("layout", StringComparison.Ordinal)));
    }

    [Fact]
    public void SlicesPadsSplitsAndResizesLeaveChannelsLast()
    {
        var b = new GraphBuilder("moves");
        var y = b.Relu(Conv(b, b.Input("x", DType.Float32, [2, 3, 8, 7]), 6, 3));
        var strided = b.Apply(new Slice(), y, b.Integers(0, -1), b.Integers(8, -8), b.Integers(2, 3), b.Integers(2, -2));
        var padded = b.Apply(new Pad(), strided, b.Integers(0, 1, -1, 0, 0, 2, 1, 0), b.Constant(Tensor.Scalar(0.5f)));
        var larger = b.Apply(new Resize(), padded, null, b.Constant(Tensor.Vector(1f, 1f, 2f, 1.5f)));
        var parts = b.ApplyAll(new Split { Axis = 1 }, 3, larger);
        b.Output("y", Conv(b, b.Apply(new Concat(1), parts[2], parts[0], parts[1]), 4, 9));
        var plan = AssertSame(b.Build());
        Assert.Equal("layout.nhwc-to-nchw", Assert.Single(plan.Steps, s => s.Kernel.StartsWith("layout", StringComparison.Ordinal)).Kernel);   // the first convolution reads planes
    }

    [Fact]
    public void DropoutDrawsWhatTheReferenceDraws()
    {
        var b = new GraphBuilder("dropout");
        var x = b.Input("x", DType.Float32, [4, 30]);
        var outputs = b.ApplyAll(new Dropout(), 2, x, b.Constant(Tensor.Scalar(0.3f)), b.Constant(Tensor.Scalar(true)));
        b.Output("y", outputs[0]);
        b.Output("mask", outputs[1]);
        var graph = b.Build();
        var feed = new Dictionary<string, Tensor> { ["x"] = Random([4, 30], 1) };
        using var session = new Session(graph, new SessionOptions { Seed = 5 });
        var rng = new Rng(5);
        for (var i = 0; i < 2; i++) Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed, rng), session.Run(feed), 1e-6);
        Assert.Equal(rng.State, session.Rng.State);
        Assert.Empty(session.Plan!.ReferenceKernels);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FakeQuantizedLayersTrainWithoutTheReference(bool learnsScales)
    {
        var b = new GraphBuilder("qat");
        var x = b.Input("x", DType.Float32, [2, 3, 6, 5]);
        var (scale, scales) = (b.Parameter("scale", Tensor.Scalar(0.02f), learnsScales), b.Parameter("scales", Tensor.Vector(0.01f, 0.02f, 0.01f, 0.03f), learnsScales));
        var w = b.Parameter("w", Random([4, 3, 3, 3], 2));
        var rounded = b.Apply(new FakeQuantize { Axis = 0, QMin = -127 }, w, scales);
        var y = b.Apply(new FakeQuantize(), b.Relu(b.Conv(x, rounded, pad: 1)), scale, b.Constant(Tensor.Scalar((sbyte)-128)));
        var gradients = Gradients.Add(b, b.ReduceSum(b.Mul(y, y), []), learnsScales ? [w, scale, scales] : [w]);
        b.Output("y", y);
        for (var i = 0; i < gradients.Count; i++) b.Output($"g{i}", gradients[i]);
        AssertSame(b.Build(), 2e-3);   // a scale's gradient jumps where a quotient is next to a tie
    }

    [Fact]
    public void StraightThroughEstimatorsFuseAndLeaveNothing()
    {
        var b = new GraphBuilder("straight");
        var x = b.Input("x", DType.Float32, [4, 6]);
        var scaled = b.Clip(b.Mul(x, 5), -3, 3);
        var y = b.Mul(b.StraightThrough(b.Round(scaled), b.Tanh(scaled)), 0.2);
        b.Output("y", y);
        var inference = AssertSame(b.Build(), 1e-6);
        Assert.DoesNotContain("Tanh", Assert.Single(inference.Steps).Kernel, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ClipAfterNormalizationIsFusedForwardAndBackward(bool isReadElsewhere)
    {
        var b = new GraphBuilder("clip");
        Value Statistic(float value) => b.Constant(Tensor.Full<float>([5], value));
        var x = b.Input("x", DType.Float32, [2, 5, 4, 3]);
        var (scale, offset) = (b.Parameter("scale", Shifted(Random([5], 1), 1)), b.Parameter("offset", Random([5], 2)));
        var normalized = b.ApplyAll(new BatchNormalization { TrainingMode = true }, 5, x, scale, offset, Statistic(0), Statistic(1))[0];
        var clipped = b.Apply(new Clip(), normalized, b.Constant(Tensor.Scalar(-0.3f)), b.Constant(Tensor.Scalar(0.6f)));
        var y = b.Mul(clipped, clipped);
        var gradients = Gradients.Add(b, b.ReduceSum(y, []), [x, scale, offset]);
        b.Output("y", y);
        if (isReadElsewhere) b.Output("normalized", normalized);
        for (var i = 0; i < gradients.Count; i++) b.Output($"g{i}", gradients[i]);
        var kernels = AssertSame(b.Build(), 1e-4).Steps.Select(s => s.Kernel).ToArray();
        Assert.Contains("batchnorm.gradient+gate", kernels);
        Assert.Contains(isReadElsewhere ? "batchnorm.training" : "batchnorm.training+clip", kernels);
        Assert.DoesNotContain(kernels, k => k.Contains("Where", StringComparison.Ordinal));
    }

    private static Value Conv(GraphBuilder b, Value x, int filters, int channels, int kernel = 3) =>
        b.Conv(x, b.Parameter("w", Random([filters, channels, kernel, kernel], (ulong)filters)), b.Parameter("b", Random([filters], 3)), pad: kernel / 2);

    private static Value Normalized(GraphBuilder b, Value x, int channels, bool relu = false)
    {
        Value P(string name, double shift, ulong seed) => b.Parameter(name, Shifted(Random([channels], seed), shift));
        var y = b.Apply(new BatchNormalization(), x, P("scale", 1, 1), P("offset", 0, 2), P("mean", 0, 3), P("variance", 4, 4));
        return relu ? b.Relu(y) : y;
    }

    internal static Tensor Random(Shape shape, ulong seed)
    {
        var rng = new Rng(seed);
        var tensor = Tensor.Empty(DType.Float32, shape);
        foreach (ref var e in tensor.Span<float>()) e = (float)(0.5 * rng.NextGaussian());
        return tensor;
    }

    private static Tensor Shifted(Tensor tensor, double by)
    {
        foreach (ref var e in tensor.Span<float>()) e += (float)by;
        return tensor;
    }

    private static Plan AssertSame(Graph graph, double tolerance = 1e-5)
    {
        var feed = graph.Inputs.ToDictionary(i => i.Name, i => Random(i.Shape, 77));
        using var session = new Session(graph, new SessionOptions { Threads = 2 });
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), tolerance);
        Assert.Empty(session.Plan!.ReferenceKernels);
        return session.Plan;
    }
}
