using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Quantization-aware training to int8 (Jacob et al. 2018, section 3): the network is trained while it computes on rounded numbers, with
/// gradients passed straight through, then stored as integers with the same results. Ranges stay as observed, or are learned (Esser
/// et al. 2020).
/// </summary>
public sealed record TrainInt8 : CompressionStep
{
    /// <summary>How ranges of activations are chosen at the start: one of <see cref="Observer.Names"/>. Default mse.</summary>
    public string Observer { get; init; } = "mse";

    /// <summary>Calibration samples. Default 256.</summary>
    public int Samples { get; init; } = 256;

    /// <summary>Epochs of training on rounded numbers. Default 3.</summary>
    public int Epochs { get; init; } = 3;

    /// <summary>The learning rate at the start. Default 0.002.</summary>
    public double Rate { get; init; } = 0.002;

    /// <summary>Share of the loss that comes from the teacher, 0 to 1. Default 0.5.</summary>
    public double Alpha { get; init; } = 0.5;

    /// <summary>Learn the scales too? Default false.</summary>
    public bool LearnRanges { get; init; }

    /// <summary>Leave the first layer in float? Default false.</summary>
    public bool KeepFirst { get; init; }

    /// <summary>Leave the last layer in float? Default false.</summary>
    public bool KeepLast { get; init; }

    /// <summary>Names of layers to leave in float. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <inheritdoc/>
    public override bool Trains => true;

    /// <inheritdoc/>
    public override string? Fault => Training.Fault ?? new QuantizeInt8 { Observer = Observer, Samples = Samples }.Fault;

    private FineTune Training => new() { Epochs = Epochs, Rate = Rate, Alpha = Alpha, Decay = 0 };

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var prepared = QuantizationPreparation.Of(graph, new()
        {
            Observer = Observer,
            Samples = Samples,
            Kept = new KeptLayers(KeepFirst, KeepLast, Keep),
            LearnsRanges = LearnRanges,
        }, context);
        var trained = Training.Train(prepared.Fake, context, trainStatistics: false);
        context.Report("comparing layers");
        context.Notes.Layers = prepared.Compare(trained, context, Math.Min(Samples, 64));
        return Integers.Pass.Apply(trained);
    }
}

/// <summary>Writes <see cref="Quantization.TrainInt8"/> in recipes.</summary>
public static class TrainInt8Recipe
{
    /// <summary>Adds quantization-aware training to int8.</summary>
    public static Recipe TrainInt8(this Recipe recipe, Func<TrainInt8, TrainInt8>? settings = null) =>
        recipe.Then(settings?.Invoke(new TrainInt8()) ?? new TrainInt8());
}
