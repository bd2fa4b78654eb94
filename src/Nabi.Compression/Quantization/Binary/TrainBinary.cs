using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;
using Nabi.Ops;
using Nabi.Training;

namespace Nabi.Compression.Quantization.Binary;

/// <summary>
/// Trains a network whose weights are +-1 (or -1, 0 and 1) times a scale per filter, with binary, ternary or float activations, by a <see cref="BinaryMethod"/>, and stores it so: weights as integers
/// behind DequantizeLinear, of 1 bit in a .nabi file. Products of binary or ternary activations with weights of +-1 run on bits. The first and the last layer stay in float, as in
/// the papers, and depthwise convolutions, which have too few weights to be worth it.
/// </summary>
public sealed record TrainBinary : TrainedStep
{
    /// <summary>One of <see cref="BinaryMethod.Names"/>. Default xnor-net.</summary>
    public string Method { get; init; } = "xnor-net";

    /// <summary>Multiply results by K, the mean magnitude of the inputs that each window sees (Rastegari et al. 2016, equation 11)? It costs a pass over the inputs. Default false, as in the paper's reference code.</summary>
    public bool InputScaling { get; init; }

    /// <summary>Leave the first layer in float? Default true.</summary>
    public bool KeepFirst { get; init; } = true;

    /// <summary>Leave the last layer in float? Default true.</summary>
    public bool KeepLast { get; init; } = true;

    /// <summary>Names of further layers to leave in float. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <summary>Epochs of training. Default 10.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>The learning rate of Adam at the start; it falls to zero along half a cosine. Default 0.001.</summary>
    public double Rate { get; init; } = 1e-3;

    /// <summary>Share of the loss that comes from the teacher, 0 to 1. Default 0.5.</summary>
    public double Alpha { get; init; } = 0.5;

    /// <summary>Temperature that softens the teacher's scores. Default 4.</summary>
    public double Temperature { get; init; } = 4;

    /// <inheritdoc/>
    public override string? Fault => NotAmong("method", Method, [.. BinaryMethod.Names])
        ?? (InputScaling && !BinaryMethod.Create(Method).HasActivations ? $"input-scaling needs binary activations, which {Method} does not have" : null) ?? Training.Fault;

    private FineTune Training => new() { Epochs = Epochs, Rate = Rate, Decay = 0, Alpha = Alpha, Temperature = Temperature, Batch = Batch, Crop = Crop, Flip = Flip };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var (insertion, trained) = Train(graph, context);
        context.Notes.Add($"{Name}: {insertion.Weights.Count} weights by {Method}.");
        return Store(insertion, trained, context);
    }

    /// <summary>The trained network with its real weights, and what stores it.</summary>
    internal (BinaryInsertion Insertion, Graph Trained) Train(Graph graph, CompressionContext context)
    {
        var method = BinaryMethod.Create(Method);
        var insertion = new BinaryInsertion(Layers(graph), method, InputScaling);
        var trained = Training.Train(insertion.Insert(graph), context, trainStatistics: true,
            options => options with { Optimizer = new Adam(), Limited = method.LimitsWeights ? insertion.Weights : [] });
        return (insertion, trained);
    }

    /// <summary>What is deployed of a trained network.</summary>
    internal Graph Store(BinaryInsertion insertion, Graph trained, CompressionContext context)
    {
        var stored = insertion.Store(trained);
        return BinaryMethod.Create(Method).IsRandom ? BatchNormRecalibration.Recalibrate(stored, context.CalibrationData, batches: 20, batchSize: context.BatchSize, seed: context.Seed) : stored;
    }

    private List<Node> Layers(Graph graph)
    {
        var all = WeightAxes.Layers(graph).Select(l => l.Node).ToArray();
        foreach (var name in Keep)
            if (Array.TrueForAll(all, l => l.Name != name)) throw new NabiException($"there is no layer '{name}' to keep in float; layers are {string.Join(", ", all.Select(l => l.Name))}");
        var chosen = all.Where(l => !(l == all[0] && KeepFirst) && !(l == all[^1] && KeepLast) && !Keep.Contains(l.Name) && IsTaken(l)).ToList();
        return chosen.Count > 0 ? chosen : throw new NabiException($"model '{graph.Name}' has no layer between the first and the last whose weights can be binary");
    }

    private static bool IsTaken(Node layer) => (layer.Op is Conv { Group: 1 } or Gemm { Alpha: 1, Beta: 1 })
        && layer.Inputs[0] is { DType: DType.Float32, Data: null } && layer.Inputs[1] is { DType: DType.Float32, IsTrainable: true };
}

/// <summary>Writes <see cref="Binary.TrainBinary"/> in recipes.</summary>
public static class TrainBinaryRecipe
{
    /// <summary>Adds training with binary weights.</summary>
    public static Recipe TrainBinary(this Recipe recipe, Func<TrainBinary, TrainBinary>? settings = null) =>
        recipe.Then(settings?.Invoke(new TrainBinary()) ?? new TrainBinary());
}
