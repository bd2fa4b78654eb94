using System.Runtime.InteropServices;
using System.Text.Json;
using Nabi.Runtime;
using Nabi.TestSuite;

namespace Nabi.Formats.Tests;

/// <summary>
/// Models of the field give ONNX Runtime's outputs (1.30.0, CPU, one thread; <c>golden/onnx/index.json</c> of the assets) on inputs made by formula.
/// </summary>
public sealed class ModelGoldenTests
{
    public static TheoryData<string> Models => ["cifar10_resnet20_akamaster", "connxr_quantized_model", "mnist_8_model", "wonnx_opt-mnist", "yunet_n_320"];

    [Theory]
    [MemberData(nameof(Models))]
    public void ReferenceGivesTheGoldenOutputs(string model) => Check(model, (graph, inputs) => ReferenceEvaluator.Run(graph, inputs));

    [Theory]
    [MemberData(nameof(Models))]
    public void SessionGivesTheGoldenOutputs(string model) => Check(model, (graph, inputs) =>
    {
        using var session = new Session(graph, new SessionOptions { Threads = 1 });
        return session.Run(inputs);
    });

    [Theory]
    [MemberData(nameof(Models))]
    public void WrittenModelsReadBackTheSame(string model)
    {
        if (Entry(model) is not { } entry) return;
        var graph = OnnxFile.Read(Checkout.Asset(entry.GetProperty("model").GetString()!)!);
        using var bytes = new MemoryStream();
        OnnxFile.Write(graph, bytes);
        bytes.Position = 0;
        Assert.Equal(Lines(graph), Lines(OnnxFile.Read(bytes)));
        Assert.Equal(Lines(graph), Lines(NabiFile.Read(NabiFile.Write(graph))));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void ShapesAreKnownUpToTheBatch(string model)
    {
        if (Entry(model) is not { } entry) return;
        var graph = OnnxFile.Read(Checkout.Asset(entry.GetProperty("model").GetString()!)!);
        foreach (var node in graph.Nodes)
            Assert.True(node.Output.Shape.IsRanked && node.Output.Shape.Skip(1).All(d => d != Shape.Unknown), node.ToString());
        var fixedBatch = graph.WithBatch(2);
        Assert.All(fixedBatch.Nodes, node => Assert.True(node.Output.Shape.IsKnown, node.ToString()));
    }

    [Fact]
    public void MnistGivesItsOfficialOutputs()
    {
        if (Checkout.Asset("models/onnx/mnist_8") is not { } folder) return;
        Assert.Null(BackendCase.Run(folder, (graph, inputs) => ReferenceEvaluator.Run(graph, inputs)));
    }

    private static void Check(string model, Executor executor)
    {
        if (Entry(model) is not { } entry) return;
        var graph = OnnxFile.Read(Checkout.Asset(entry.GetProperty("model").GetString()!)!);
        var inputs = entry.GetProperty("inputs").EnumerateArray().ToDictionary(i => i.GetProperty("name").GetString()!, Formula, StringComparer.Ordinal);
        var outputs = executor(graph, inputs);
        foreach (var output in entry.GetProperty("outputs").EnumerateArray())
        {
            var name = output.GetProperty("name").GetString()!;
            var bytes = File.ReadAllBytes(Checkout.Asset($"golden/onnx/{output.GetProperty("file").GetString()}")!);
            var golden = Tensor.Of(ShapeOf(output), MemoryMarshal.Cast<byte, float>(bytes).ToArray());
            Assert.Null(BackendCase.Difference(golden, outputs[name], 1e-4, 1e-5));
        }
    }

    // Parameters may come back in another order.
    private static IEnumerable<string> Lines(Graph graph) => graph.ToString().Split('\n').Order(StringComparer.Ordinal);

    private static JsonElement? Entry(string model)
    {
        if (Checkout.Asset("golden/onnx/index.json") is not { } index) return null;
        return JsonDocument.Parse(File.ReadAllText(index)).RootElement.GetProperty("models").GetProperty(model);
    }

    private static Tensor Formula(JsonElement input)
    {
        var shape = ShapeOf(input);
        var values = new float[shape.Count];
        var (factor, offset) = input.GetProperty("gen").GetString() switch
        {
            "f01(i)" => (1.0, 0.0),
            "f01(i)-0.5" => (1.0, -0.5),
            "floor(f01(i)*256)" => (256.0, 0.0),
            var other => throw new NotSupportedException(other),
        };
        for (var i = 0; i < values.Length; i++)
        {
            var value = (float)(unchecked((uint)(i + 1) * 2654435761u) / 4294967296.0) * factor + offset;
            values[i] = (float)(factor > 1 ? Math.Floor(value) : value);
        }
        return Tensor.Of(shape, values);
    }

    private static Shape ShapeOf(JsonElement element) => Shape.From([.. element.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())]);
}
