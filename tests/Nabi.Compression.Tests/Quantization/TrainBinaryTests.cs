using Nabi.Compression.Quantization.Binary;
using Nabi.Ops;
using Nabi.Runtime;

namespace Nabi.Compression.Tests.Quantization;

public class TrainBinaryTests
{
    private static CompressionContext Context => TinyNet.Context with { Teacher = TinyNet.Trained };

    public static TheoryData<string> Methods() => [.. BinaryMethod.Names];

    [Theory]
    [MemberData(nameof(Methods))]
    public void What_is_deployed_computes_what_was_trained(string method)
    {
        var step = new TrainBinary { Method = method, Epochs = 3, Rate = 0.01 };
        Assert.Null(step.Fault);
        var (insertion, trained) = step.Train(TinyNet.Trained, Context);
        var deployed = step.Store(insertion, trained, Context);
        Assert.DoesNotContain(deployed.Nodes, n => n.Op is StraightThrough or Bernoulli);
        var stored = deployed.Nodes.Where(n => n.Op is DequantizeLinear).Select(n => n.Inputs[0]!.Data!).ToArray();
        Assert.Equal(3, stored.Length);   // a, b and pw: stem, depthwise and fc stay in float
        Assert.All(stored, t => Assert.All(t.ToInt64(), n => Assert.True(n is 1 or -1 || (n == 0 && method == "twn"))));
        if (method != "stochastic-connect") Assert.Equal(TinyNet.Accuracy(trained), TinyNet.Accuracy(deployed), 0.011);   // the drawn weights are not those stored
        Assert.InRange(TinyNet.Accuracy(deployed), 0.4, 1);
    }

    [Theory]
    [InlineData("xnor-net", ".binary")]
    [InlineData("tbn", ".ternary")]
    public void Binary_layers_run_on_bits(string method, string kernel)
    {
        var deployed = new TrainBinary { Method = method, Epochs = 1 }.Apply(TinyNet.Trained, Context);
        using var session = new Session(deployed, new SessionOptions { Threads = 1 });
        session.Run(new Dictionary<string, Tensor> { ["x"] = Tensor.Zeros(DType.Float32, Shape.Create([1, .. TinyNet.Data.Test.SampleShape.Dims])) });
        Assert.Equal(3, session.Plan!.Steps.Count(s => s.Kernel.Contains(kernel, StringComparison.Ordinal)));
    }

    [Fact]
    public void Input_scaling_multiplies_by_the_mean_magnitude_of_each_window()
    {
        var b = new GraphBuilder("one");
        var x = b.Input("x", DType.Float32, [1, 2, 3, 3]);
        b.Output("y", b.Conv(x, b.Parameter("w", Tensor.Full<float>([4, 2, 3, 3], 0.5f)), pad: 1));
        var graph = b.Build();
        var scaled = new BinaryInsertion([graph.Nodes[0]], new XnorNet(), inputScaling: true).Insert(graph);
        var plain = new BinaryInsertion([graph.Nodes[0]], new XnorNet(), inputScaling: false).Insert(graph);
        var feed = new Dictionary<string, Tensor> { ["x"] = Tensor.Of([1, 2, 3, 3], [.. Enumerable.Range(0, 18).Select(i => i - 8f)]) };
        var (with, without) = (ReferenceEvaluator.Run(scaled, feed)["y"].ToSingle(), ReferenceEvaluator.Run(plain, feed)["y"].ToSingle());
        // The middle window sees all of the image: the mean of |x|, which batch normalization of mean 0 and variance 1 divides by sqrt(1 + epsilon).
        Assert.Equal(without[4] * Enumerable.Range(0, 18).Average(i => Math.Abs(i - 8)), with[4], 1e-2);
    }

    [Fact]
    public void Scales_of_xnor_are_mean_magnitudes_and_ternary_ones_those_beyond_the_threshold()
    {
        var weight = Tensor.Of([2, 2], [1f, -3f, 0.1f, 0.5f]);
        var xnor = new XnorNet().Store(weight, 0);
        Assert.Equal([1L, -1, 1, 1], xnor.Numbers.ToInt64());
        Assert.Equal([2f, 0.3f], xnor.Scales);
        var ternary = new Twn().Store(weight, 0);   // the threshold is 0.7 (4.6 / 4) = 0.805
        Assert.Equal([1L, -1, 0, 0], ternary.Numbers.ToInt64());
        Assert.Equal([2f, 2f], ternary.Scales);
    }

    [Fact]
    public void Real_weights_of_binary_connect_stay_within_one()
    {
        var (_, trained) = new TrainBinary { Method = "binary-connect", Epochs = 1, Rate = 1 }.Train(TinyNet.Trained, Context);
        Assert.All(trained.Parameter("a.w")!.Data!.ToSingle(), w => Assert.InRange(w, -1, 1));
    }

    [Theory]
    [InlineData("magic", false, "method is 'magic'")]
    [InlineData("twn", true, "input-scaling")]
    public void Impossible_settings_are_told(string method, bool scaling, string expected) =>
        Assert.Contains(expected, new TrainBinary { Method = method, InputScaling = scaling }.Fault, StringComparison.Ordinal);
}
