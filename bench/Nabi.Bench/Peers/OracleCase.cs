using System.Text.Json;
using Nabi.Compression;
using Nabi.Compression.Quantization;
using Nabi.Formats;
using Nabi.Models;
using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Bench.Peers;

/// <summary>A network of the zoo as another runtime can check it: the ONNX file, an input and what Nabi's session makes of it.</summary>
internal static class OracleCase
{
    private const int NoiseSamples = 8;

    /// <summary>
    /// Writes <c>model.onnx</c>, <c>input.bin</c>, <c>output.bin</c> (little-endian, batch 1, the paper's size) and <c>case.json</c> with names, types and
    /// shapes. The model's batch is open.
    /// </summary>
    public static void Write(string network, string folder)
    {
        var graph = Zoo.Find(network).Create(new ModelOptions { Seed = 1 });
        // Distances lie far below the running means that an untrained network has: all it says would be zeros.
        if (graph.Nodes.Any(n => n.Op is Ops.AdderConv)) graph = Settled(graph);
        WriteModel(graph, folder, "model");
        WriteSample(graph, folder);
    }

    /// <summary>
    /// The same with what a race wants: batch 1 is part of the model, and batch normalization has the statistics of its input, so that no number grows or
    /// vanishes from layer to layer. Beside it lies <c>int8.onnx</c>, the model after post-training quantization on noise, with activations of the type
    /// that ONNX Runtime computes with.
    /// </summary>
    public static void WriteRace(string network, string folder)
    {
        var graph = Settled(Zoo.Find(network).Create(new ModelOptions { Seed = 1 }));
        var noise = Noise(graph.Inputs[0].Shape);
        var context = new CompressionContext { Validation = noise, BatchSize = NoiseSamples };
        var int8 = new QuantizeInt8 { Samples = NoiseSamples, BiasCorrection = false }.Apply(graph, context);
        WriteModel(graph.WithBatch(1), folder, "model");
        WriteModel(UnsignedActivations.Pass.Apply(int8.WithBatch(1)), folder, "int8");
        WriteSample(graph, folder);
    }

    /// <summary>Numbers for an input: a normal distribution, or small whole numbers, which are tokens in every vocabulary.</summary>
    public static Tensor Sample(Value input, Rng rng)
    {
        var data = Tensor.Empty(input.DType, input.Shape);
        if (input.DType == DType.Int64)
            foreach (ref var token in data.Span<long>()) token = (long)(rng.NextDouble() * 16);
        else
            foreach (ref var x in data.Span<float>()) x = (float)rng.NextGaussian();
        return data;
    }

    private static void WriteModel(Graph graph, string folder, string name) => OnnxFile.Write(graph, Path.Combine(folder, $"{name}.onnx"));

    private static void WriteSample(Graph graph, string folder)
    {
        var fixedBatch = graph.WithBatch(1);
        var input = fixedBatch.Inputs[0];
        var sample = Sample(input, new Rng(2));
        using var session = new Session(fixedBatch);
        var output = session.Run(new Dictionary<string, Tensor> { [input.Name] = sample })[graph.Outputs[0].Name];
        File.WriteAllBytes(Path.Combine(folder, "input.bin"), sample.Bytes);
        File.WriteAllBytes(Path.Combine(folder, "output.bin"), output.Bytes);
        File.WriteAllText(Path.Combine(folder, "case.json"), JsonSerializer.Serialize(new
        {
            input = input.Name,
            type = sample.DType == DType.Int64 ? "int64" : "float32",
            shape = sample.Shape.Dims.ToArray(),
            output = graph.Outputs[0].Name,
        }));
    }

    private static Graph Settled(Graph graph) => BatchNormRecalibration.Recalibrate(graph, Noise(graph.Inputs[0].Shape), 1);

    private static DataSet Noise(Shape input)
    {
        var (rng, sample) = (new Rng(3), Shape.Create(input.Dims[1..]));
        var values = new float[NoiseSamples * sample.Count];
        foreach (ref var x in values.AsSpan()) x = (float)rng.NextGaussian();
        return DataSet.Of("noise", sample, values, new int[NoiseSamples], ["any"]);
    }
}
