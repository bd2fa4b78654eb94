using System.Globalization;
using System.IO.Compression;
using Nabi.Ops;
using Nabi.Passes;
using Nabi.TestSuite;

namespace Nabi.Formats.Tests;

/// <summary>
/// Data of TensorFlow Lite models, in the bytes those take and give: integers as they are stored at quantized inputs and outputs, images with channels last.
/// Samples and labels of the MLPerf Tiny data sets (energyrunner, see the assets' README).
/// </summary>
internal static class TfLiteSamples
{
    /// <summary>The input of a graph for one sample.</summary>
    public static Tensor Input(Graph graph, ReadOnlySpan<byte> sample)
    {
        var input = graph.Inputs[0];
        var shape = input.Shape.With(0, 1);
        var values = new float[shape.Count];
        if (input.Users is [{ Op: QuantizeLinear } quantize])
        {
            var (scale, zero) = (quantize.Inputs[1]!.Data!.ToSingle()[0], quantize.Inputs[2]!.Data!.ToInt64()[0]);
            for (var i = 0; i < values.Length; i++) values[i] = (Stored(quantize, sample[i]) - zero) * scale;
        }
        else
        {
            for (var i = 0; i < values.Length; i++) values[i] = BitConverter.ToSingle(sample[(4 * i)..]);
        }
        return Ordered(shape, values);
    }

    /// <summary>Values with channels last as an input of this shape.</summary>
    public static Tensor Ordered(Shape shape, float[] values) => shape.Rank == 4
        ? new Transpose { Perm = [0, 3, 1, 2] }.Evaluate(new EvalContext([Tensor.Of<float>([shape[0], shape[2], shape[3], shape[1]], values)], 1, new Rng(0)))[0]
        : Tensor.Of(shape, values);

    /// <summary>The stored integers of a quantized output.</summary>
    public static sbyte[] Stored(Graph graph, Tensor output)
    {
        var dequantize = graph.Outputs[0].Value.Producer!;
        Assert.IsType<DequantizeLinear>(dequantize.Op);
        var (scale, zero) = (dequantize.Inputs[1]!.Data!.ToSingle()[0], dequantize.Inputs[2]!.Data!.ToInt64()[0]);
        return Array.ConvertAll(output.ToSingle(), x => checked((sbyte)(Math.Round(x / scale) + zero)));
    }

    /// <summary>The rows of a data set's file and their labels; null where it is not on this machine.</summary>
    public static (byte[][] Rows, int[] Labels)? Load(string name, int rowBytes)
    {
        if (Checkout.Asset($"data/mlperf_tiny/{name}.bin.gz") is not { } path || Checkout.Asset($"data/mlperf_tiny/{name}_y_labels.csv") is not { } labels) return null;
        using var file = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        file.CopyTo(bytes);
        return ([.. bytes.ToArray().Chunk(rowBytes)],
            [.. File.ReadAllLines(labels).Where(l => l.Length > 0).Select(l => int.Parse(l.Split(',')[2], CultureInfo.InvariantCulture))]);
    }

    /// <summary>Many samples as one batch.</summary>
    public static Tensor Batch(Graph graph, IReadOnlyList<byte[]> rows, Func<byte, float> value)
    {
        var shape = graph.Inputs[0].Shape.With(0, rows.Count);
        return Ordered(shape, [.. rows.SelectMany(r => r).Select(b => value(b))]);
    }

    /// <summary>The graph for a batch of another size: reshapes that keep samples apart say so.</summary>
    public static Graph WithBatch(Graph graph, int size) =>
        RemoveIdentity.Pass.Apply(graph.WithInputShapes(new Dictionary<string, Shape>(StringComparer.Ordinal) { [graph.Inputs[0].Name] = graph.Inputs[0].Shape.With(0, size) }));

    /// <summary>The part of a graph between two values, as a graph from "from" to "to".</summary>
    public static Graph Cut(Graph graph, Value from, Value to)
    {
        var builder = new GraphBuilder("part");
        var map = new Dictionary<Value, Value> { [from] = builder.Input("from", from.DType, from.Shape) };
        foreach (var parameter in graph.Parameters) map[parameter] = builder.Constant(parameter.Data!, parameter.Name);
        foreach (var node in graph.Nodes)
        {
            if (node.Output == from || node.Inputs.Any(v => v is not null && !map.ContainsKey(v))) continue;
            var outputs = builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, [.. node.Inputs.Select(v => v is null ? null : map[v])]);
            for (var i = 0; i < outputs.Count; i++) map[node.Outputs[i]] = outputs[i];
        }
        builder.Output("to", map[to]);
        return builder.Build();
    }

    private static int Stored(Node quantize, byte stored) => quantize.Output.DType == DType.Int8 ? (sbyte)stored : stored;
}
