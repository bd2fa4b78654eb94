using Nabi.Ops;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>Convolutions, normalization and pooling along one axis, [N, C, T], run as images of one row: against the reference, forward and backward.</summary>
public class OneAxisTests
{
    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 10)]
    public void A_separable_block_and_its_gradients_run_on_kernels(int stride, int kernel)
    {
        var b = new GraphBuilder("separable");
        var x = b.Input("x", DType.Float32, [2, 5, 30]);
        var depthwise = b.Parameter("depthwise", FusionTests.Random([5, 1, kernel], 1));
        var pointwise = b.Parameter("pointwise", FusionTests.Random([7, 5, 1], 2));
        var y = b.Apply(Along(kernel, stride, group: 5), x, depthwise);
        y = b.Apply(Along(1, 1, group: 1), y, pointwise);
        y = b.Relu(b.Apply(new BatchNormalization(), y, Channel(b, "scale", 3), Channel(b, "shift", 4), Channel(b, "mean", 5), b.Parameter("variance", Tensor.Full([7], 0.7f), trainable: false)));
        var scores = b.Apply(new Flatten(), b.Apply(new GlobalAveragePool(), y));
        b.Output("y", scores);
        var gradients = Gradients.Add(b, b.ReduceSum(b.Square(scores), [], keepdims: false), [x, depthwise, pointwise]);
        for (var i = 0; i < gradients.Count; i++) b.Output($"gradient{i}", gradients[i]);
        var graph = b.Build();
        var feed = new Dictionary<string, Tensor> { ["x"] = FusionTests.Random([2, 5, 30], 6) };
        using var session = new Session(graph, new SessionOptions { Threads = 2 });
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-4);
        Assert.Empty(session.Plan!.ReferenceKernels);
    }

    private static Conv Along(int kernel, int stride, int group) => new() { Window = new Window { KernelShape = [kernel], Strides = [stride], Pads = [0, 0] }, Group = group };

    private static Value Channel(GraphBuilder b, string name, ulong seed) => b.Parameter(name, FusionTests.Random([7], seed));
}
