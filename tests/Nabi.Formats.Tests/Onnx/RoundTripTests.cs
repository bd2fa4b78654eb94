using Nabi.Ops;

namespace Nabi.Formats.Tests;

public sealed class RoundTripTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("nabi-onnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void NamesMetadataWeightsAndResultsSurvive()
    {
        var graph = Dense();
        var back = Through(graph);
        Assert.Equal(graph.ToString(), back.ToString());
        Assert.Equal(graph.Metadata, back.Metadata);
        var inputs = new Dictionary<string, Tensor> { ["x"] = Tensor.Of([2, 3], [1f, -2, 3, 4, 5, -6]) };
        Assert.Equal(ReferenceEvaluator.Run(graph, inputs)["y"].ToSingle(), ReferenceEvaluator.Run(back, inputs)["y"].ToSingle());
    }

    [Fact]
    public void ExternalDataIsBesideTheModel()
    {
        var path = Path.Combine(_folder, "model.onnx");
        OnnxFile.Write(Dense(), path, new OnnxWriteOptions { ExternalDataThreshold = 16 });
        Assert.True(File.Exists(path + ".data"));
        Assert.Equal(Dense().Parameter("w")!.Data!.ToSingle(), OnnxFile.Read(path).Parameter("w")!.Data!.ToSingle());
        File.Delete(path + ".data");
        Assert.Contains("model.onnx.data", Assert.Throws<NabiException>(() => OnnxFile.Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnOutputKeepsItsNameWhateverIsBehindIt()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2]);
        var y = b.ApplyNamed(new Relu(), "relu", 1, [x])[0];
        b.Output("first", y);
        b.Output("second", y);
        b.Output("same", x);
        var stream = new MemoryStream();
        if (OpCatalog.Find("", "Identity") is null) return;
        OnnxFile.Write(b.Build(), stream);
        stream.Position = 0;
        Assert.Equal(["first", "second", "same"], OnnxFile.Read(stream).Outputs.Select(o => o.Name));
    }

    [Fact]
    public void EveryOperatorsAttributesHaveASpelling()
    {
        foreach (var schema in OpCatalog.All)
            foreach (var attribute in schema.Attributes)
                Assert.Equal(attribute.Key, OpAttribute.Squash(OnnxNames.Attribute(schema.Name, attribute.Property.Name) is "group" ? attribute.Key : OnnxNames.Attribute(schema.Name, attribute.Property.Name)));
    }

    private Graph Through(Graph graph, OnnxWriteOptions? options = null)
    {
        var path = Path.Combine(_folder, "model.onnx");
        OnnxFile.Write(graph, path, options);
        return OnnxFile.Read(path);
    }

    internal static Graph Dense()
    {
        var b = new GraphBuilder("dense");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3]);
        var w = b.Parameter("w", Tensor.Of([3, 2], [1f, 2, 3, 4, 5, 6]));
        var bias = b.Parameter("bias", Tensor.Of([2], [-10f, 0.5f]));
        var product = b.ApplyNamed(new MatMul(), "product", 1, [x, w])[0];
        var sum = b.ApplyNamed(new Add(), "sum", 1, [product, bias])[0];
        var moved = b.ApplyNamed(new Transpose { Perm = [1, 0] }, "moved", 1, [sum])[0];
        b.Output("y", b.ApplyNamed(new Relu(), "act", 1, [moved], ["y"])[0]);
        b.Metadata = new Dictionary<string, string> { [MetadataKeys.Labels] = "cat\ndog" };
        return b.Build();
    }
}
