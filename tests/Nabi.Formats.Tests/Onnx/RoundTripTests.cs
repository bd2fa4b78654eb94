using Nabi.Ops;
using Nabi.TestSuite;

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
    public void FrozenWeightsStayFrozen()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [4, 3]);
        var frozen = b.Parameter("frozen", Tensor.Full<float>([3, 2], 1), trainable: false);
        var learned = b.Parameter("learned", Tensor.Scalar(2f));
        b.Output("y", b.Mul(b.MatMul(x, frozen), learned));
        var back = Through(b.Build());
        Assert.False(back.Parameter("frozen")!.IsTrainable);
        Assert.True(back.Parameter("learned")!.IsTrainable);
        Assert.Empty(back.Metadata);
    }

    [Fact]
    public void FakeQuantizationIsWrittenAsIntegers()
    {
        var graph = Quantized(weightMin: -127);
        var path = Path.Combine(_folder, "model.onnx");
        OnnxFile.Write(graph, path);
        var back = OnnxFile.Read(path);
        Assert.Equal(["QuantizeLinear", "DequantizeLinear", "DequantizeLinear", "MatMul", "Clip", "QuantizeLinear", "DequantizeLinear"], back.Nodes.Select(n => n.Op.Name));
        Assert.Empty(back.Metadata);
        var weights = back.Parameters.Single(p => p.DType == DType.Int8 && p.Shape.Rank == 2);
        Assert.Equal([10, -127, -20, 127, 30, -127], weights.Data!.ToInt64());
        var inputs = new Dictionary<string, Tensor> { ["x"] = Tensor.Of([2, 3], [0.1f, -2, 3, 4.04f, 500, -6]) };
        Assert.Equal(ReferenceEvaluator.Run(graph, inputs)["y"].ToSingle(), ReferenceEvaluator.Run(back, inputs)["y"].ToSingle());
        OnnxFile.Write(graph, path, new OnnxWriteOptions { Exchange = false });
        Assert.Equal(4, OnnxFile.Read(path).Nodes.Count);
        OnnxFile.Write(Quantized(weightMin: -8, weightMax: 7), path, new OnnxWriteOptions { Opset = 21 });
        Assert.Contains(OnnxFile.Read(path).Parameters, p => p.DType == DType.Int4 && p.Shape.Rank == 2);
    }

    [Fact]
    public void OperatorsOfNabiAreWrittenAsStandardOnes()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 9, 5, 6]);
        var shifted = b.ApplyNamed(Shift.OfKernel(9, 3), "shift", 1, [x])[0];
        b.Output("y", b.ApplyNamed(new AdderConv { Window = Window.Of(3, stride: 2, pad: 1) }, "adder", 1, [shifted, b.Parameter("f", OperatorCases.Float(4, 9, 3, 3))])[0]);
        var graph = b.Build();
        var back = Through(graph);
        Assert.All(back.Nodes, n => Assert.Equal("", n.Op.Domain));
        Assert.Equal(["f"], back.Parameters.Where(p => p.IsTrainable).Select(p => p.Name));
        var inputs = new Dictionary<string, Tensor> { ["x"] = OperatorCases.Float(2, 9, 5, 6) };
        Assert.Null(BackendCase.Difference(ReferenceEvaluator.Run(graph, inputs)["y"], ReferenceEvaluator.Run(back, inputs)["y"], 1e-5, 1e-6));
        Assert.Equal(["Shift", "AdderConv"], Through(graph, new OnnxWriteOptions { Exchange = false }).Nodes.Select(n => n.Op.Name));
    }

    [Fact]
    public void AnOperatorThatStandardOnesCannotSayIsRefused()
    {
        var b = new GraphBuilder("g");
        b.Output("y", b.ApplyNamed(new AveragePoolGradient { Window = Window.Of(2, 2), Spatial = [4, 4] }, "back", 1, [b.Input("x", DType.Float32, [1, 1, 2, 2])])[0]);
        var message = Assert.Throws<NabiException>(() => Through(b.Build())).Message;
        Assert.Contains("'back' (AveragePoolGradient): only Nabi has it", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(17)]
    [InlineData(18)]
    [InlineData(22)]
    public void EveryOperatorSetSaysTheSame(int opset)
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [2, 3]);
        var mean = b.Apply(new ReduceMean { Keepdims = true }, x, b.Integers(1));
        var swish = b.Apply(new Swish { Alpha = 2 }, b.Sub(x, mean));
        b.Output("y", b.Apply(new RMSNormalization(), swish, b.Parameter("scale", Tensor.Vector(1f, 2, 3))));
        var graph = b.Build();
        var back = Through(graph, new OnnxWriteOptions { Opset = opset });
        var inputs = new Dictionary<string, Tensor> { ["x"] = Tensor.Of([2, 3], [1f, -2, 3, 4, 5, -6]) };
        Assert.Null(BackendCase.Difference(ReferenceEvaluator.Run(graph, inputs)["y"], ReferenceEvaluator.Run(back, inputs)["y"], 1e-5, 1e-6));
    }

    [Fact]
    public void AnOperatorSetThatLacksAnOperatorIsRefusedOrRaised()
    {
        var b = new GraphBuilder("g");
        b.Output("y", b.ApplyNamed(new Gelu(), "act", 1, [b.Input("x", DType.Float32, [2])])[0]);
        var graph = b.Build();
        var message = Assert.Throws<NabiException>(() => Through(graph, new OnnxWriteOptions { Opset = 17 })).Message;
        Assert.Contains("'act' (Gelu) needs operator set 20", message, StringComparison.Ordinal);
        Assert.Single(Through(graph).Nodes);
    }

    private static Graph Quantized(int weightMin, int weightMax = 127)
    {
        var b = new GraphBuilder("quantized");
        var x = b.Input("x", DType.Float32, [2, 3]);
        var w = b.Parameter("w", Tensor.Of([3, 2], [1f, -200, -2, 200, 3, -200]));
        var byte8 = new FakeQuantize { QMin = 0, QMax = 255 };
        var quantizedX = b.ApplyNamed(byte8, "qx", 1, [x, b.Constant(Tensor.Scalar(0.05f)), b.Constant(Tensor.Scalar((byte)100))])[0];
        var quantizedW = b.ApplyNamed(new FakeQuantize { Axis = 1, QMin = weightMin, QMax = weightMax }, "qw", 1, [w, b.Constant(Tensor.Vector(0.1f, 0.5f))])[0];
        var product = b.ApplyNamed(new MatMul(), "product", 1, [quantizedX, quantizedW])[0];
        b.Output("y", b.ApplyNamed(new FakeQuantize { QMin = -100, QMax = 100 }, "qy", 1, [product, b.Constant(Tensor.Vector(0.25f))])[0]);
        return b.Build();
    }

    // ONNX Runtime would count a bias of floats in units of both scales, which 32 bits do not hold.
    [Theory]
    [InlineData(16)]
    [InlineData(8)]
    public void BiasesBesideWideWeightsAreIntegersOfTheirOwnScale(int bits)
    {
        var (b, limit) = (new GraphBuilder("wide"), (1 << (bits - 1)) - 1);
        var x = b.ApplyNamed(new FakeQuantize { QMin = -limit, QMax = limit }, "qx", 1, [b.Input("x", DType.Float32, [1, 2]), b.Constant(Tensor.Scalar(1f / limit))])[0];
        var w = b.ApplyNamed(new FakeQuantize { QMin = -limit, QMax = limit }, "qw", 1, [b.Parameter("w", Tensor.Of([2, 3], [0.1f, 0.2f, -0.3f, 0.4f, 0.5f, 0.6f])), b.Constant(Tensor.Scalar(1f / limit))])[0];
        b.Output("y", b.ApplyNamed(new Gemm(), "dense", 1, [x, w, b.Parameter("b", Tensor.Vector(3.7f, -0.001f, 0))])[0]);
        var (graph, stream) = (b.Build(), new MemoryStream());
        OnnxFile.Write(graph, stream);
        stream.Position = 0;
        var back = OnnxFile.Read(stream);
        Assert.Equal(bits == 16, back.Nodes.Single(n => n.Op is Gemm).Inputs[2]!.Producer is { Op: DequantizeLinear });
        var feed = new Dictionary<string, Tensor> { ["x"] = Tensor.Of([1, 2], [0.3f, -0.7f]) };
        var (expected, actual) = (ReferenceEvaluator.Run(graph, feed)["y"].ToSingle(), ReferenceEvaluator.Run(back, feed)["y"].ToSingle());
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-6);
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
                Assert.Equal(attribute.Key, OpAttribute.Squash(OnnxNames.Attribute(schema.Name, attribute.Property.Name)));
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
    // A dense layer of 64 x 128 weights of which one in eight is not zero, and those share 15 values.
    internal static Graph Shared()
    {
        var (b, rng) = (new GraphBuilder("shared"), new Rng(21));
        var (indices, centroids) = (Tensor.Zeros(DType.UInt8, [64, 128]), Tensor.Zeros(DType.Float32, [15]));
        foreach (ref var i in indices.Span<byte>()) i = (byte)(rng.Next(8) == 0 ? 1 + rng.Next(15) : 0);
        foreach (ref var c in centroids.Span<float>()) c = (float)rng.NextGaussian();
        var weight = b.Apply(new Codebook { HasZero = true }, b.Constant(indices, "w.indices"), b.Parameter("w.centroids", centroids));
        b.Output("y", b.Dense(b.Input("x", DType.Float32, [Shape.Unknown, 128]), weight, b.Parameter("bias", Tensor.Zeros(DType.Float32, [64]))));
        return b.Build();
    }
}
