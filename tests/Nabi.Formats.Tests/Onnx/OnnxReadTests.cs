using Google.Protobuf;
using Nabi.Formats.OnnxProto;

namespace Nabi.Formats.Tests;

public sealed class OnnxReadTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("nabi-onnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void WeightsAreTrainableAndStatisticsAreNot()
    {
        var graph = Read(OnnxModels.Convolution(11));
        Assert.Equal(["w", "b", "scale", "shift", "g", "h"], graph.Parameters.Where(p => p.IsTrainable).Select(p => p.Name));
        Assert.Equal(["mean", "var"], graph.Parameters.Where(p => !p.IsTrainable).Select(p => p.Name));
    }

    [Fact]
    public void OldFormsAreUpgradedAndNodesSorted()
    {
        var graph = Read(OnnxModels.OldForms());
        Assert.Equal(new Shape[] { [2, 4] }, graph.Outputs.Select(o => o.Value.Shape).ToArray());
        var result = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["x"] = Tensor.Full<float>([2, 3, 4], 0) })["y"];
        // Softmax over 3 x 4 values per row, of which 6 are the padding 2 and 6 are 0: columns of the padding hold e^2 / (6 e^2 + 6).
        var padding = MathF.Exp(2) / (6 * MathF.Exp(2) + 6);
        Assert.Equal(padding, result.ToSingle()[0], 1e-6f);
    }

    [Fact]
    public void FlatteningByShapeArithmeticKeepsTheBatchOpen()
    {
        var graph = Read(OnnxModels.ShapeArithmetic());
        Assert.Equal([Shape.Unknown, 2], graph.Outputs[0].Value.Shape);
        Assert.Equal(["Reshape", "MatMul"], graph.Nodes.Select(n => n.Op.Name));
    }

    [Fact]
    public void DecidedBranchesAndFunctionsAreInlined()
    {
        var x = new Dictionary<string, Tensor> { ["x"] = Tensor.Vector(-4f, 0, 3) };
        Assert.Equal([0f, 0, 3], ReferenceEvaluator.Run(Read(OnnxModels.Branch()), x)["y"].ToSingle());
        Assert.Equal([-2f, 0, 6], ReferenceEvaluator.Run(Read(OnnxModels.Function()), x)["y"].ToSingle());
    }

    [Fact]
    public void InputsCanBeBoundAndReshaped()
    {
        var model = OnnxModels.Model(13, [OnnxModels.Input("x", -1, 3), OnnxModels.Input("k", 3)], [OnnxModels.Node("Add", ["x", "k"], ["y"])], ["y"], []);
        using var stream = new MemoryStream(model.ToByteArray());
        var graph = OnnxFile.Read(stream, new OnnxReadOptions
        {
            Bindings = new Dictionary<string, Tensor> { ["k"] = Tensor.Vector(1f, 2, 3) },
            InputShapes = new Dictionary<string, Shape> { ["x"] = [5, 3] },
        });
        Assert.Equal(["x"], graph.Inputs.Select(i => i.Name));
        Assert.Equal([5, 3], graph.Outputs[0].Value.Shape);
    }

    [Fact]
    public void EverythingUnsupportedIsNamedAtOnce() => Fails(
        OnnxModels.Model(13, [OnnxModels.Input("x", 3)], [OnnxModels.Node("Frobnicate", ["x"], ["a"]), OnnxModels.Node("Mystify", ["a"], ["y"])], ["y"], []),
        "Frobnicate (node 'a_node')", "Mystify (node 'y_node')", "operator set 13");

    [Fact]
    public void CyclesAreNamed() => Fails(
        OnnxModels.Model(13, [OnnxModels.Input("x", 3)], [OnnxModels.Node("Add", ["x", "b"], ["a"]), OnnxModels.Node("Relu", ["a"], ["b"])], ["b"], []), "cycle");

    [Fact]
    public void DoubleNamesAreNamed() => Fails(
        OnnxModels.Model(13, [OnnxModels.Input("x", 3)], [OnnxModels.Node("Relu", ["x"], ["a"]), OnnxModels.Node("Neg", ["x"], ["a"])], ["a"], []), "two values are named 'a'");

    [Fact]
    public void MissingValuesAreNamed() => Fails(
        OnnxModels.Model(13, [OnnxModels.Input("x", 3)], [OnnxModels.Node("Add", ["x", "ghost"], ["a"])], ["a"], []), "'ghost'", "a_node");

    [Fact]
    public void TensorsMustHoldWhatTheyDeclare()
    {
        var huge = new TensorProto { Name = "w", DataType = 1, RawData = ByteString.CopyFrom(1, 2, 3, 4) };
        huge.Dims.Add([1 << 14, 1 << 14]);
        Fails(Adding(huge), "'w'", "holds 4");
        var negative = new TensorProto { Name = "w", DataType = 1 };
        negative.Dims.Add([-3]);
        Fails(Adding(negative), "negative");
        var absurd = new TensorProto { Name = "w", DataType = 1 };
        absurd.Dims.Add([long.MaxValue, 2]);
        Fails(Adding(absurd), "not supported");
    }

    [Theory]
    [InlineData("../secret.bin")]
    [InlineData("/etc/passwd")]
    [InlineData("")]
    [InlineData("..")]
    public void ExternalDataStaysInTheModelsFolder(string location)
    {
        var inner = Directory.CreateDirectory(Path.Combine(_folder, "models")).FullName;
        File.WriteAllBytes(Path.Combine(_folder, "secret.bin"), new byte[64]);
        var tensor = new TensorProto { Name = "w", DataType = 1, DataLocation = TensorProto.Types.DataLocation.External };
        tensor.Dims.Add(3);
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        var path = Path.Combine(inner, "model.onnx");
        File.WriteAllBytes(path, Adding(tensor).ToByteArray());
        Assert.Contains("outside", Assert.Throws<NabiException>(() => OnnxFile.Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ShortExternalDataIsNamed()
    {
        File.WriteAllBytes(Path.Combine(_folder, "w.bin"), new byte[8]);
        var tensor = new TensorProto { Name = "w", DataType = 1, DataLocation = TensorProto.Types.DataLocation.External };
        tensor.Dims.Add(3);
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "w.bin" });
        var path = Path.Combine(_folder, "model.onnx");
        File.WriteAllBytes(path, Adding(tensor).ToByteArray());
        Assert.Contains("incomplete", Assert.Throws<NabiException>(() => OnnxFile.Read(path)).Message, StringComparison.Ordinal);
    }

    private static ModelProto Adding(TensorProto tensor) => OnnxModels.Model(13, [OnnxModels.Input("x", 3)], [OnnxModels.Node("Add", ["x", "w"], ["y"])], ["y"], [tensor]);

    private static Graph Read(ModelProto model) => OnnxFile.Read(new MemoryStream(model.ToByteArray()));

    private static void Fails(ModelProto model, params string[] parts)
    {
        var message = Assert.Throws<NabiException>(() => OnnxFile.Read(new MemoryStream(model.ToByteArray()), name: "test.onnx")).Message;
        Assert.StartsWith("test.onnx: ", message, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }
}
