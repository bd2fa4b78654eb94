using Nabi.Passes;
using Nabi.TestSuite;

namespace Nabi.Formats.Tests;

/// <summary>Exported networks compute the same after simplification, with fewer nodes and shapes that are known.</summary>
public class SimplificationTests
{
    [Theory]
    [InlineData("cifar10_resnet20_akamaster.onnx")]
    [InlineData("connxr_quantized_model.onnx")]
    [InlineData("mnist_8/model.onnx")]
    [InlineData("wonnx_opt-mnist.onnx")]
    [InlineData("yunet_n_320.onnx")]
    public void A_simplified_network_computes_the_same(string file)
    {
        if (Checkout.Asset($"models/onnx/{file}") is not { } path) return;
        var graph = OnnxFile.Read(path);
        var simplified = graph.Through([.. Simplification.ForInference]);

        Assert.DoesNotContain(simplified.Nodes, n => n.Op.Name is "Identity" or "Dropout" or "Shape" or "BatchNormalization");
        Assert.True(simplified.Nodes.Count <= graph.Nodes.Count);
        foreach (var node in simplified.Nodes) Assert.All(node.Outputs, o => Assert.True(o.Shape.IsRanked, $"{o} of {node}"));

        var rng = new Rng(3);
        var feed = new Dictionary<string, Tensor>();
        foreach (var input in graph.Inputs)
        {
            var tensor = Tensor.Zeros(DType.Float32, Shape.Create([.. input.Shape.Select(d => d == Shape.Unknown ? 1 : d)]));
            foreach (ref var x in tensor.Span<float>()) x = (float)rng.NextGaussian();
            feed[input.Name] = tensor.Cast(input.DType);
        }
        var (expected, actual) = (ReferenceEvaluator.Run(graph, feed), ReferenceEvaluator.Run(simplified, feed));
        foreach (var (name, tensor) in expected)
        {
            var (a, b) = (tensor.ToSingle(), actual[name].ToSingle());
            Assert.Equal(tensor.Type, actual[name].Type);
            for (var i = 0; i < a.Length; i++) Assert.True(Math.Abs(a[i] - b[i]) <= 1e-4 * Math.Max(1, Math.Abs(a[i])), $"{name}[{i}]: {a[i]} became {b[i]}");
        }
    }
}
