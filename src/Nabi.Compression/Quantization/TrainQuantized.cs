using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;
using Nabi.Compression.Quantization.Quantizers;
using Nabi.Compression.Recipes;
using Nabi.Passes;
using Nabi.Training;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Trains a network while it computes on few levels, each layer's weight and input by a <see cref="Quantizer"/>, learning from the original network where there is one, and
/// stores it with those levels as integers. The paper of each method trains a trained network further; so does this step.
/// </summary>
/// <remarks>
/// Settings follow learned step size quantization (Esser et al. 2020, section 3): SGD with momentum 0.9, a cosine, first and last layer of 8 bits. Batch
/// normalization is trained unfolded and folded into the scales of the stored weights afterwards: a scale per channel commutes with normalization, so this computes what the
/// folded training of Krishnamoorthi (2018, section 3.2.2, with its correction factor) computes. <c>fold: before</c> folds with the running statistics first and
/// freezes them (Jacob et al. 2018, section 3.2). Additions of residual branches and what is no layer stay in float; <see cref="TrainInt8"/> makes all of it integers.
/// </remarks>
public sealed record TrainQuantized : TrainedStep
{
    private const int KeptBits = 8;

    /// <summary>The setting of <see cref="GradientBits"/> that leaves gradients in float.</summary>
    private const int FloatBits = 32;

    /// <summary>The method for weights: one of <see cref="Quantizer.Names"/>. Default lsq.</summary>
    public string Weights { get; init; } = "lsq";

    /// <summary>The method for activations. Default lsq.</summary>
    public string Activations { get; init; } = "lsq";

    /// <summary>Bits of a weight, 2 to 8, for some methods 1 (<see cref="Quantizer.WeightBits"/>). Default 4.</summary>
    public int WeightBits { get; init; } = 4;

    /// <summary>Bits of an activation, 2 to 8. Default 4.</summary>
    public int ActivationBits { get; init; } = 4;

    /// <summary>
    /// Bits of the gradients that flow back into layers of few bits, 1 to 16 (Zhou et al. 2016, equation 12, see <see cref="Ops.GradientRounding"/>): what a
    /// processor that trains on few bits would compute. What is stored does not change by it. Default 32, which leaves them in float.
    /// </summary>
    public int GradientBits { get; init; } = FloatBits;

    /// <summary>Give the first layer 8 bits, by lsq? Default true.</summary>
    public bool KeepFirst { get; init; } = true;

    /// <summary>Give the last layer 8 bits, by lsq? Default true.</summary>
    public bool KeepLast { get; init; } = true;

    /// <summary>Names of layers to leave in float. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <summary><c>after</c> the training or <c>before</c> it: when batch normalization is folded. Default after.</summary>
    public string Fold { get; init; } = "after";

    /// <summary>Samples that starting values are taken from. Default 256. Range 1 to 1,000,000.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>Epochs of training. Default 10.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>The learning rate at the start; it falls to zero along half a cosine. Default 0.01.</summary>
    public double Rate { get; init; } = 0.01;

    /// <summary>Weight decay; fewer bits regularize by themselves. Default 0.0001, half of it for 3 bits and a quarter for fewer (Esser et al. 2020, table 2).</summary>
    public double? Decay { get; init; }

    /// <summary>Share of the loss that comes from the teacher, 0 to 1. Default 0.5.</summary>
    public double Alpha { get; init; } = 0.5;

    /// <summary>Temperature that softens the teacher's scores. Default 4.</summary>
    public double Temperature { get; init; } = 4;

    /// <inheritdoc/>
    public override string? Fault => Unknown(Weights) ?? Unknown(Activations)
        ?? (Quantizer.Create(Weights).WeightBits is var possible && possible.Contains(WeightBits) ? null : $"weight-bits is {WeightBits} but must be one of {string.Join(", ", possible)} with {Weights}")
        ?? OutOfRange("activation-bits", ActivationBits, 2, 8) ?? (GradientBits == FloatBits ? null : OutOfRange("gradient-bits", GradientBits, 1, 16))
        ?? (Fold is "after" or "before" ? null : $"fold is '{Fold}' but must be after or before")
        ?? OutOfRange("samples", Samples, 1, 1_000_000) ?? Training.Fault;

    private FineTune Training => new()
    {
        Epochs = Epochs, Rate = Rate, Alpha = Alpha, Temperature = Temperature, Batch = Batch, Crop = Crop, Flip = Flip,
        Decay = Decay ?? WeightBits switch { <= 2 => 0.25e-4, 3 => 0.5e-4, _ => 1e-4 },
    };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var trained = Train(graph, context);
        var stored = Store(trained);
        context.Notes.Add($"{Name}: weights by {Weights} in {WeightBits} bits, activations by {Activations} in {ActivationBits} bits"
            + $"{(KeepFirst || KeepLast ? $", {(KeepFirst && KeepLast ? "first and last layer" : KeepFirst ? "the first layer" : "the last layer")} in {KeptBits} bits" : "")}.");
        return stored;
    }

    /// <summary>The first half of the step: the trained network, still computing in float on its levels.</summary>
    /// <exception cref="NabiException">There is no layer to quantize, or no training data.</exception>
    /// <exception cref="OperationCanceledException">The context was cancelled.</exception>
    public Graph Train(Graph graph, CompressionContext context) => Train(graph, context, with: null);

    /// <summary>The first half, with what the caller adds to the training.</summary>
    internal Graph Train(Graph graph, CompressionContext context, Func<TrainingOptions, TrainingOptions>? with)
    {
        if (Fold == "before") graph = FoldBatchNormalization.Pass.Apply(graph);
        var layers = Layers(graph);
        var masks = SparsityMasks.Present(graph);
        var samples = ActivationSample.Collect(graph, [.. layers.Keys.Select(l => l.Inputs[0]!.Name).Distinct()], context, Samples);
        var training = Training;
        var (quantized, penalties) = QuantizerInsertion.Insert(graph, layers, samples, training.Decay);
        return training.Train(quantized, context, trainStatistics: true, options => (with?.Invoke(options) ?? options) with { Penalties = penalties }, masks: masks);
    }

    /// <summary>The second half: a trained network with its levels as integers.</summary>
    public static Graph Store(Graph trained) => trained.Through([.. TrainedIntegers.Passes]);

    private Dictionary<Node, LayerQuantizers> Layers(Graph graph)
    {
        var layers = WeightAxes.Layers(graph).Select(l => l.Node).ToArray();
        foreach (var name in Keep)
            if (Array.TrueForAll(layers, l => l.Name != name))
                throw new NabiException($"there is no layer '{name}' to keep in float; layers are {string.Join(", ", layers.Select(l => l.Name))}");
        var (weights, activations, exact) = (Quantizer.Create(Weights), Quantizer.Create(Activations), new Lsq());
        var chosen = new Dictionary<Node, LayerQuantizers>();
        foreach (var layer in layers)
        {
            if (Keep.Contains(layer.Name) || layer.Inputs[0] is not { DType: DType.Float32, Data: null }
                || layer.Inputs[WeightAxes.Of(layer)!.Value.Input] is not { DType: DType.Float32, IsTrainable: true }) continue;
            chosen[layer] = (layer == layers[0] && KeepFirst) || (layer == layers[^1] && KeepLast)
                ? new LayerQuantizers(exact, KeptBits, exact, KeptBits)
                : new LayerQuantizers(weights, WeightBits, activations, ActivationBits, GradientBits == FloatBits ? null : GradientBits);
        }
        return chosen.Count > 0 ? chosen : throw new NabiException($"model '{graph.Name}' has no layer whose weights can be trained on few levels");
    }

    private static string? Unknown(string name) =>
        Quantizer.Names.Contains(name) ? null : $"there is no quantizer '{name}'; there are {string.Join(", ", Quantizer.Names)}";
}

/// <summary>Writes <see cref="Quantization.TrainQuantized"/> in recipes.</summary>
public static class TrainQuantizedRecipe
{
    /// <summary>Adds training on few levels.</summary>
    public static Recipe TrainQuantized(this Recipe recipe, Func<TrainQuantized, TrainQuantized>? settings = null) =>
        recipe.Then(settings?.Invoke(new TrainQuantized()) ?? new TrainQuantized());
}
