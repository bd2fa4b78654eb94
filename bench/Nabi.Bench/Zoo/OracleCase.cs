using System.Text.Json;
using Nabi.Formats;
using Nabi.Models;
using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Bench.Training;

/// <summary>A network of the zoo as another runtime can check it: the ONNX file, an input and what Nabi's session makes of it.</summary>
internal static class OracleCase
{
    /// <summary>Writes <c>model.onnx</c>, <c>input.bin</c>, <c>output.bin</c> (little-endian, batch 1, the paper's size) and <c>case.json</c> with names, types and shapes.</summary>
    public static void Write(string network, string folder)
    {
        var graph = Zoo.Find(network).Create(new ModelOptions { Seed = 1 });
        // Distances lie far below the running means that an untrained network has: all it says would be zeros.
        if (graph.Nodes.Any(n => n.Op is Ops.AdderConv)) graph = BatchNormRecalibration.Recalibrate(graph, Noise(graph.Inputs[0].Shape), 1);
        OnnxFile.Write(graph, Path.Combine(folder, "model.onnx"));
        var fixedBatch = graph.WithBatch(1);
        var input = Sample(fixedBatch.Inputs[0], new Rng(2));
        using var session = new Session(fixedBatch);
        var output = session.Run(new Dictionary<string, Tensor> { [input.Name] = input.Data })[graph.Outputs[0].Name];
        File.WriteAllBytes(Path.Combine(folder, "input.bin"), input.Data.Bytes.ToArray());
        File.WriteAllBytes(Path.Combine(folder, "output.bin"), output.Bytes.ToArray());
        File.WriteAllText(Path.Combine(folder, "case.json"), JsonSerializer.Serialize(new
        {
            input = input.Name,
            type = input.Data.DType == DType.Int64 ? "int64" : "float32",
            shape = input.Data.Shape.Dims.ToArray(),
            output = graph.Outputs[0].Name,
        }));
    }

    private static DataSet Noise(Shape input)
    {
        var (rng, sample) = (new Rng(3), Shape.Create(input.Dims[1..]));
        var values = new float[8 * sample.Count];
        foreach (ref var x in values.AsSpan()) x = (float)rng.NextGaussian();
        return DataSet.Of("noise", sample, values, new int[8], ["any"]);
    }

    // Whole numbers are tokens: 0 to 15 is in every vocabulary.
    private static (string Name, Tensor Data) Sample(Value input, Rng rng)
    {
        var data = Tensor.Empty(input.DType, input.Shape);
        if (input.DType == DType.Int64)
            foreach (ref var token in data.Span<long>()) token = (long)(rng.NextDouble() * 16);
        else
            foreach (ref var x in data.Span<float>()) x = (float)rng.NextGaussian();
        return (input.Name, data);
    }
}
