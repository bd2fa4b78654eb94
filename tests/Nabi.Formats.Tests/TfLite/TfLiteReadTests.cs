using Nabi.Ops;
using Nabi.Runtime;

namespace Nabi.Formats.Tests;

/// <summary>What reading a TensorFlow Lite model makes of its layouts, integers and operators.</summary>
public sealed class TfLiteReadTests
{
    [Fact]
    public void QuantizedLayersRunOnIntegers()
    {
        var graph = Read(TfLiteModels.Quantized());
        Assert.Equal("[1, 2, 6, 6]", graph.Inputs[0].Shape.ToString());
        Assert.DoesNotContain(graph.Nodes, n => n.Op is Transpose);
        using var session = new Session(graph, new SessionOptions { Threads = 1 });
        var kinds = session.Plan!.Steps.Select(s => s.Kernel).ToArray();
        Assert.DoesNotContain(kinds, k => k.StartsWith("conv", StringComparison.Ordinal) || k.StartsWith("gemm", StringComparison.Ordinal));
        Assert.Equal(2, kinds.Count(k => k.StartsWith("qconv", StringComparison.Ordinal) && k != "qconv.pack"));
        Assert.Contains(kinds, k => k.StartsWith("qgemm", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("quantized")]
    [InlineData("floats")]
    [InlineData("hybrid")]
    public void SessionAndReferenceAgree(string model)
    {
        var graph = Read(model switch { "quantized" => TfLiteModels.Quantized(), "floats" => TfLiteModels.Floats(), _ => TfLiteModels.Hybrid() });
        var rng = new Rng(7);
        var input = Tensor.Of(graph.Inputs[0].Shape, Enumerable.Range(0, graph.Inputs[0].Shape.Count).Select(_ => (float)((rng.NextDouble() * 4) - 2)).ToArray());
        var feed = new Dictionary<string, Tensor>(StringComparer.Ordinal) { [graph.Inputs[0].Name] = input };
        using var session = new Session(graph, new SessionOptions { Threads = 1 });
        var (actual, expected) = (session.Run(feed)[graph.Outputs[0].Name], QuantizedReference.Run(graph, feed)[graph.Outputs[0].Name]);
        Assert.Null(BackendCase.Difference(expected, actual, 1e-4, 1e-5));
    }

    [Fact]
    public void AFlattenedImageMeetsItsWeightsInTheFilesOrder()
    {
        var bytes = TfLiteModels.Single("RESHAPE", [1, 2, 3, 2], [1, 12], null, m => m.Integers("shape", 1, 12));
        Assert.DoesNotContain(Read(bytes).Nodes, n => n.Op is Transpose);

        var m = new TfLiteModels();
        var (x, r, f, y) = (m.Tensor("x", 0, [1, 2, 2, 2]), m.Tensor("r", 0, [1, 2, 2, 2]), m.Tensor("f", 0, [1, 8]), m.Tensor("y", 0, [1, 1]));
        m.Operator("MAX_POOL_2D", [x], [r], o => o.Number(1, 1).Number(2, 1).Number(3, 1).Number(4, 1));
        m.Operator("RESHAPE", [r, m.Integers("shape", -1, 8)], [f]);
        m.Operator("FULLY_CONNECTED", [f, m.Floats("w", 1, 8), -1], [y]);
        var graph = Read(m.ToFile([x], [y]));
        Assert.DoesNotContain(graph.Nodes, n => n.Op is Transpose);
        float[] pixels = [1, 2, 3, 4, 5, 6, 7, 8];
        var expected = pixels.Select((p, i) => p * (i % 7 - 3) * 0.25f).Sum();
        var feed = new Dictionary<string, Tensor>(StringComparer.Ordinal) { ["x"] = TfLiteSamples.Ordered(graph.Inputs[0].Shape, pixels) };
        Assert.Equal(expected, ReferenceEvaluator.Run(graph, feed)["y"].ToSingle()[0], 1e-5f);
    }

    [Fact]
    public void PaddingBelongsToTheConvolution()
    {
        var graph = Read(TfLiteModels.Floats());
        Assert.DoesNotContain(graph.Nodes, n => n.Op is Pad or Transpose { Perm: [0, 3, 1, 2] });
        Assert.Equal([1, 1, 1, 1], Assert.Single(graph.Nodes, n => n.Op is Conv).Op is Conv conv ? conv.Window.Pads.ToArray() : []);
    }

    [Theory]
    [InlineData(5, 3, 2, new[] { 1, 1 })]
    [InlineData(6, 3, 2, new[] { 0, 1 })]
    [InlineData(7, 2, 1, new[] { 0, 1 })]
    public void PaddingSameAddsTheOddElementAtTheEnd(int size, int kernel, int stride, int[] pads)
    {
        var output = (size + stride - 1) / stride;
        var graph = Read(TfLiteModels.Single("AVERAGE_POOL_2D", [1, size, size, 1], [1, output, output, 1], o => o.Number(1, stride).Number(2, stride).Number(3, kernel).Number(4, kernel)));
        var pool = Assert.IsType<AveragePool>(Assert.Single(graph.Nodes).Op);
        Assert.Equal([pads[0], pads[0], pads[1], pads[1]], pool.Window.Pads.ToArray());
        Assert.Equal(output, graph.Outputs[0].Value.Shape[2]);
    }

    [Fact]
    public void WeightsOfSixteenBitsStayStoredSo()
    {
        var graph = Read(TfLiteModels.Hybrid());
        var weight = Assert.Single(graph.Nodes, n => n.Op is Conv).Inputs[1]!;
        Assert.IsType<Cast>(weight.Producer!.Op);
        Assert.Equal(DType.Float16, weight.Producer.Inputs[0]!.DType);
    }

    [Fact]
    public void AnOpenBatchStaysOpen()
    {
        var m = new TfLiteModels();
        var (x, r, y) = (m.Tensor("x", 0, [1, 4, 4, 2], [-1, 4, 4, 2]), m.Tensor("r", 0, [1, 2, 2, 2], [-1, 2, 2, 2]), m.Tensor("y", 0, [1, 8], [-1, 8]));
        m.Operator("MAX_POOL_2D", [x], [r], o => o.Number(1, 2).Number(2, 2).Number(3, 2).Number(4, 2));
        m.Operator("RESHAPE", [r, m.Integers("shape", -1, 8)], [y]);
        var graph = Read(m.ToFile([x], [y]));
        Assert.Equal(Shape.Unknown, graph.Outputs[0].Value.Shape[0]);
        Assert.Equal(8, graph.WithBatch(3).Outputs[0].Value.Shape[1]);
    }

    [Fact]
    public void ActivationsOfSixteenBitsAreQuantizedToThem()
    {
        var m = new TfLiteModels();
        var (x, y) = (m.Activation<short>("x", [1, 3, 3, 2], 0.001f, 0), m.Activation<short>("y", [1, 3, 3, 4], 0.002f, 0));
        m.Operator("CONV_2D", [x, m.Weights("w", [4, 1, 1, 2], [0.01f, 0.02f, 0.03f, 0.015f], 0), -1], [y], o => o.Number(1, 1).Number(2, 1));
        var graph = Read(m.ToFile([x], [y]));
        Assert.All(graph.Nodes.Where(n => n.Op is QuantizeLinear), n => Assert.Equal(DType.Int16, n.Output.DType));
        var feed = new Dictionary<string, Tensor>(StringComparer.Ordinal) { ["x"] = Tensor.Full(graph.Inputs[0].Shape, 0.5f) };
        Assert.Equal(36, ReferenceEvaluator.Run(graph, feed)["y"].Count);
    }

    // 0.5 (140 - 128) against weights 0.25 (w - zero point): with the zero point 128 the integers move into int8 and the kernels take them.
    [Theory]
    [InlineData(128, "qgemm")]
    [InlineData(120, "")]
    public void IntegersWithoutSignAreReadFromOlderFiles(int zero, string kernel)
    {
        var m = new TfLiteModels();
        var (x, y) = (m.Activation<byte>("x", [1, 4], 0.5f, 128), m.Activation<byte>("y", [1, 2], 1, 100));
        m.Operator("FULLY_CONNECTED", [x, m.Bytes("w", [2, 4], [130, 126, 128, 131, 0, 255, 128, 127], 0.25f, zero), -1], [y], o => o.Number<sbyte>(0, 0));
        var graph = Read(m.ToFile([x], [y]));
        var feed = new Dictionary<string, Tensor>(StringComparer.Ordinal) { ["x"] = Tensor.Of<float>([1, 4], [6, 6, -6, 2]) };
        using var session = new Session(graph, new SessionOptions { Threads = 1 });
        var expected = zero == 128 ? new float[] { 2, -2 } : [18, 14];
        Assert.Equal(expected, session.Run(feed)["y"].ToSingle());
        Assert.Contains(session.Plan!.Steps, s => s.Kernel.StartsWith(kernel, StringComparison.Ordinal));
    }

    [Fact]
    public void ABytesInputTellsItsNormalization()
    {
        var m = new TfLiteModels();
        var (x, y) = (m.Activation<sbyte>("x", [1, 4, 4, 3], 1, -128), m.Activation<sbyte>("y", [1, 2, 2, 3], 1, -128));
        m.Operator("MAX_POOL_2D", [x], [y], o => o.Number(1, 2).Number(2, 2).Number(3, 2).Number(4, 2));
        var graph = Read(m.ToFile([x], [y]));
        Assert.Equal("0,0,0", graph.Metadata[MetadataKeys.Mean]);
        Assert.StartsWith("0.0039", graph.Metadata[MetadataKeys.Std], StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsMissingIsNamed()
    {
        var m = new TfLiteModels();
        var (x, y, z) = (m.Tensor("x", 0, [1, 4]), m.Tensor("y", 0, [1, 4]), m.Tensor("z", 0, [1, 4]));
        m.Operator("SVDF", [x], [y], version: 3);
        m.Operator("ethos-u", [y], [z], isCustom: true, version: 2);
        var error = Assert.Throws<NabiException>(() => Read(m.ToFile([x], [z])));
        Assert.Equal("the model: it needs operators that Nabi does not have: SVDF (operator 0, version 3), the custom operator 'ethos-u' (operator 1, version 2); "
            + "convert the model without them.", error.Message);
    }

    [Theory]
    [MemberData(nameof(Singles))]
    public void OperatorsGiveWhatTheSchemaSays(string name, byte[] model, float[] input, float[] expected)
    {
        var graph = Read(model);
        var x = graph.Inputs[0].Shape is { Rank: 4 } shape && graph.Outputs[0].Value.Shape.Rank == 4 && ReadsImages(graph) ? TfLiteSamples.Ordered(shape, input) : Tensor.Of(graph.Inputs[0].Shape, input);
        var y = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor>(StringComparer.Ordinal) { ["x"] = x })["y"];
        if (ReadsImages(graph) && y.Shape.Rank == 4) y = new Transpose { Perm = [0, 2, 3, 1] }.Evaluate(new EvalContext([y], 1, new Rng(0)))[0];
        var actual = y.ToSingle();
        Assert.True(expected.Length == actual.Length, $"{name}: {actual.Length} values");
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5f);
    }

    public static TheoryData<string, byte[], float[], float[]> Singles() => new()
    {
        { "SLICE", TfLiteModels.Single("SLICE", [2, 3], [1, 2], null, m => m.Integers("b", 1, 0), m => m.Integers("s", 1, -1 + 3)), [1, 2, 3, 4, 5, 6], [4, 5] },
        { "STRIDED_SLICE", TfLiteModels.Single("STRIDED_SLICE", [2, 3], [3], o => o.Number(4, 1), m => m.Integers("b", 1, 0), m => m.Integers("e", 2, 3), m => m.Integers("s", 1, 1)), [1, 2, 3, 4, 5, 6], [4, 5, 6] },
        { "TRANSPOSE", TfLiteModels.Single("TRANSPOSE", [2, 3], [3, 2], null, m => m.Integers("p", 1, 0)), [1, 2, 3, 4, 5, 6], [1, 4, 2, 5, 3, 6] },
        { "RSQRT", TfLiteModels.Single("RSQRT", [2], [2]), [4, 16], [0.5f, 0.25f] },
        { "SQUARED_DIFFERENCE", TfLiteModels.Single("SQUARED_DIFFERENCE", [3], [3], null, m => m.Floats("c", 3)), [1, 2, 3], [3.0625f, 6.25f, 10.5625f] },
        { "SUM", TfLiteModels.Single("SUM", [2, 3], [2], null, m => m.Integers("a", -1)), [1, 2, 3, 4, 5, 6], [6, 15] },
        { "EXPAND_DIMS", TfLiteModels.Single("EXPAND_DIMS", [2], [2, 1], null, m => m.Integers("a", -1)), [1, 2], [1, 2] },
        { "MIRROR_PAD", TfLiteModels.Single("MIRROR_PAD", [3], [5], null, m => m.Integers("p", 1, 1)), [1, 2, 3], [2, 1, 2, 3, 2] },
        { "MIRROR_PAD symmetric", TfLiteModels.Single("MIRROR_PAD", [3], [5], o => o.Number<sbyte>(0, 1), m => m.Integers("p", 1, 1)), [1, 2, 3], [1, 1, 2, 3, 3] },
        { "RELU_N1_TO_1", TfLiteModels.Single("RELU_N1_TO_1", [3], [3]), [-3, 0.5f, 3], [-1, 0.5f, 1] },
        { "DEPTH_TO_SPACE", TfLiteModels.Single("DEPTH_TO_SPACE", [1, 1, 1, 8], [1, 2, 2, 2], o => o.Number(0, 2)), [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8] },
        { "SPACE_TO_DEPTH", TfLiteModels.Single("SPACE_TO_DEPTH", [1, 2, 2, 2], [1, 1, 1, 8], o => o.Number(0, 2)), [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8] },
        { "RESIZE_NEAREST_NEIGHBOR", TfLiteModels.Single("RESIZE_NEAREST_NEIGHBOR", [1, 1, 2, 1], [1, 1, 4, 1], null, m => m.Integers("s", 1, 4)), [1, 2], [1, 1, 2, 2] },
        { "RESIZE_BILINEAR", TfLiteModels.Single("RESIZE_BILINEAR", [1, 1, 2, 1], [1, 1, 4, 1], null, m => m.Integers("s", 1, 4)), [1, 2], [1, 1.5f, 2, 2] },
        { "GATHER", TfLiteModels.Single("GATHER", [3, 1], [2, 1], null, m => m.Integers("i", 2, 0)), [1, 2, 3], [3, 1] },
        { "ARG_MAX", TfLiteModels.Single("ARG_MAX", [2, 3], [2], null, m => m.Integers("a", 1)), [1, 5, 3, 9, 2, 4], [1, 0] },
    };

    private static bool ReadsImages(Graph graph) => graph.Nodes.Any(n => n.Op is SpaceToDepth or DepthToSpace or Resize);

    private static Graph Read(byte[] bytes) => TfLiteFile.Read(new MemoryStream(bytes));
}
