using System.Text.Json;
using Nabi.Bench.Claims;
using Nabi.Compression.Recipes;
using Nabi.Formats;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Bench.Peers;

/// <summary>A trained network in every compressed form, as another runtime can check it: the ONNX file and the scores that Nabi's session gives test samples.</summary>
internal static class ExportCases
{
    private const string Set = "fashion-mnist";
    private const int TrainingSamples = 3000;
    private const int TestSamples = 500;

    // A 3x3 convolutional network with residuals, and one of depthwise and 1x1 convolutions.
    private static readonly Dictionary<string, (double Width, TrainingOptions Training)> Networks = new(StringComparer.Ordinal)
    {
        ["nabi-small"] = (1, new TrainingOptions { Epochs = 4, Seed = 1 }),
        ["mobilenet-v1"] = (0.25, new TrainingOptions { Epochs = 2, BatchSize = 128, LearningRate = 0.1, Seed = 1 }),
    };

    private static readonly (string Name, string Network, string Steps)[] Cases =
    [
        ("float", "nabi-small", ""),
        ("w8a8", "nabi-small", "- quantize"),
        ("w8a8-depthwise", "mobilenet-v1", "- quantize"),
        ("w8a8-per-tensor", "nabi-small", "- quantize: { per-channel: false, symmetric-activations: true }"),
        ("w8a8-asymmetric", "nabi-small", "- quantize: { asymmetric-weights: true }"),
        ("w8a16", "nabi-small", "- quantize: { activation-bits: 16 }"),
        ("w16a16", "nabi-small", "- quantize: { weight-bits: 16, activation-bits: 16 }"),
        ("w4a8", "nabi-small", "- quantize: { weight-bits: 4, keep-first: true }"),
        ("w4a8-ada-round", "nabi-small", "- ada-round: { weight-bits: 4, activation-bits: 8 }"),
        ("w4a4", "nabi-small", "- quantize: { weight-bits: 4, activation-bits: 4 }"),
        ("w4", "nabi-small", "- quantize: { weight-bits: 4, activation-bits: 32 }"),
        ("w4-groups", "mobilenet-v1", "- quantize-int4: { group-size: 16 }"),
        ("w4-asymmetric", "nabi-small", "- quantize: { weight-bits: 4, activation-bits: 32, asymmetric-weights: true }"),
        ("w3a8", "nabi-small", "- quantize: { weight-bits: 3 }"),
        ("w2", "nabi-small", "- quantize: { weight-bits: 2, activation-bits: 32, keep-first: true, keep-last: true }"),
        ("w2a8", "nabi-small", "- quantize: { weight-bits: 2, keep-first: true, keep-last: true }"),
        ("mixed-precision", "nabi-small", "- mixed-precision: { average-bits: 5 }"),
        ("train-int8", "nabi-small", "- train-int8: { epochs: 1 }"),
        ("lsq-w4a4", "nabi-small", "- train-quantized: { weights: lsq, activations: lsq, epochs: 1 }"),
        ("lsq-w2a2", "nabi-small", "- train-quantized: { weights: lsq, activations: lsq, weight-bits: 2, activation-bits: 2, epochs: 1 }"),
        ("dorefa-w1a4", "nabi-small", "- train-quantized: { weights: dorefa, activations: dorefa, weight-bits: 1, epochs: 1 }"),
        ("xnor-net", "nabi-small", "- train-binary: { method: xnor-net, epochs: 1 }"),
        ("xnor-net-scaled", "nabi-small", "- train-binary: { method: xnor-net, input-scaling: true, epochs: 1 }"),
        ("bnn", "nabi-small", "- train-binary: { method: bnn, epochs: 1 }"),
        ("tbn", "nabi-small", "- train-binary: { method: tbn, epochs: 1 }"),
        ("twn", "nabi-small", "- train-binary: { method: twn, epochs: 1 }"),
        ("float16", "nabi-small", "- to-float16"),
        ("bfloat16", "nabi-small", "- to-float16: { type: bfloat16 }"),
        ("shared", "nabi-small", "- share-weights: { bits: 4, conv-bits: 4, epochs: 0 }"),
        ("pruned-shared", "nabi-small", "- prune-weights: { sparsity: 0.6, scope: global }\n- share-weights: { bits: 5, conv-bits: 5, bias-bits: 4, epochs: 1 }"),
        ("svd", "nabi-small", "- factorize: { method: svd }"),
        ("spatial-svd", "nabi-small", "- factorize: { method: spatial-svd }"),
        ("tucker2", "nabi-small", "- factorize: { method: tucker2 }"),
        ("cp", "nabi-small", "- factorize: { method: cp }"),
        ("tucker2-w8a8", "nabi-small", "- factorize: { method: tucker2 }\n- quantize-int8"),
        ("2-of-4", "nabi-small", "- prune-weights: { pattern: \"2:4\" }"),
        ("2-of-4-w8a8", "nabi-small", "- prune-weights: { pattern: \"2:4\" }\n- quantize"),
        ("channels-w8a8", "nabi-small", "- prune-channels: { criterion: taylor, keep-macs: 0.5 }\n- quantize"),
        ("channels-float16", "nabi-small", "- prune-channels: { criterion: l1, keep-macs: 0.7, multiple: 4 }\n- to-float16"),
    ];

    /// <summary>Writes <c>NAME.onnx</c> and <c>NAME.bin</c> (scores) for each case, <c>input.bin</c>, <c>labels.bin</c> and <c>cases.json</c> (little-endian floats).</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="wanted">Names of cases; all where none are named.</param>
    public static void Write(string folder, string[] wanted)
    {
        Directory.CreateDirectory(folder);
        var run = new ClaimRun(1, 1);
        var data = run.Data(Set);
        var context = run.Context(Set, 1) with { Training = data.Train.Take(TrainingSamples), Validation = data.Train.Take(TestSamples) };
        var test = data.Test.Take(TestSamples);
        var written = new List<object>();
        Normalization? normalization = null;
        foreach (var (name, network, steps) in Cases.Where(c => wanted.Length == 0 || wanted.Contains(c.Name)))
        {
            ClaimRun.Progress(name);
            var original = run.Trained(network, Set, Networks[network].Training, Networks[network].Width);
            normalization ??= Normalization.From(original);
            var recipe = steps.Length == 0 ? Recipe.Create(name) : RecipeFile.Parse($"name: {name}\nsteps:\n  {steps.ReplaceLineEndings("\n  ")}\n", name);
            var model = recipe.Run(original, context with { Teacher = original });
            File.WriteAllBytes(Path.Combine(folder, $"{name}.bin"), Evaluator.Logits(model, test, new EvaluationOptions { Session = new() { Threads = 1 } }).Bytes);
            written.Add(new { name, network, recipe = steps.ReplaceLineEndings(" "), fault = Export(model, Path.Combine(folder, $"{name}.onnx")) });
        }
        WriteSamples(test, normalization!, folder);
        File.WriteAllText(Path.Combine(folder, "cases.json"), JsonSerializer.Serialize(new { samples = TestSamples, shape = test.SampleShape.Dims.ToArray(), cases = written }));
    }

    private static string? Export(Graph model, string path)
    {
        try
        {
            OnnxFile.Write(model, path);
            return null;
        }
        catch (NabiException e)
        {
            return e.Message;
        }
    }

    // Every training normalizes by the statistics of the training samples, so that one input fits all.
    private static void WriteSamples(DataSet test, Normalization normalization, string folder)
    {
        var loader = new BatchLoader(test, new BatchOptions { BatchSize = test.Count, Shuffle = false, DropLast = false, Normalization = normalization });
        var batch = loader.Epoch(0).First();
        File.WriteAllBytes(Path.Combine(folder, "input.bin"), batch.Inputs.Bytes);
        File.WriteAllBytes(Path.Combine(folder, "labels.bin"), Array.ConvertAll(batch.Labels, l => (byte)l));
    }
}
