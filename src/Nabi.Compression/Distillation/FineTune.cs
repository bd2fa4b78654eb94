using Nabi.Compression.Pruning;
using Nabi.Compression.Recipes;
using Nabi.Training;
using Nabi.Training.Data.Augmentations;

namespace Nabi.Compression.Distillation;

/// <summary>
/// Trains what a compression left, learning from the original network where the context has one (Hinton, Vinyals and Dean 2015). Weights that
/// were pruned to zero stay zero.
/// </summary>
public sealed record FineTune : TrainedStep
{
    private const long MaxStoredScores = 50_000_000;

    /// <summary>Times the training set is gone through. Default 5. Range 1 to 10,000.</summary>
    public int Epochs { get; init; } = 5;

    /// <summary>The learning rate at the start; it falls to zero along half a cosine. Default 0.01.</summary>
    public double Rate { get; init; } = 0.01;

    /// <summary>Weight decay. Default 0.0001.</summary>
    public double Decay { get; init; } = 1e-4;

    /// <summary>Share of the loss that comes from the teacher, 0 to 1. Default 0.5; without a teacher there is none.</summary>
    public double Alpha { get; init; } = 0.5;

    /// <summary>Temperature that softens the teacher's scores. Default 4.</summary>
    public double Temperature { get; init; } = 4;

    /// <summary>Beta of <see cref="AttentionTransfer"/> from the teacher; the paper uses 1000. Default 0: none.</summary>
    public double Attention { get; init; }

    /// <summary>Weight of <see cref="Nabi.Training.Hints"/> from the teacher. Default 0: none.</summary>
    public double Hints { get; init; }

    /// <summary>Pairs <c>student=teacher</c> of layers for attention and hints; layers of equal size when empty. Default empty.</summary>
    public ValueArray<string> Layers { get; init; } = [];

    /// <summary>Share of the network's own predictions of the epoch before in the last epoch's targets, 0 to 1 (<see cref="Nabi.Training.PastSelf"/>). Default 0: none.</summary>
    public double PastSelf { get; init; }

    /// <summary>
    /// What stays as it is: one whole number n for all but the last n layers, or beginnings of parameters' names (<see cref="LayerFreezing"/>). Default empty: nothing.
    /// </summary>
    public ValueArray<string> Freeze { get; init; } = [];

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("epochs", Epochs, 1, 10_000) ?? OutOfRange("rate", Rate, 1e-9, 10)
        ?? OutOfRange("decay", Decay, 0, 0.5)
        ?? OutOfRange("alpha", Alpha, 0, 1) ?? OutOfRange("temperature", Temperature, 0.01, 100) ?? OutOfRange("batch", Batch ?? 1, 1, 65536)
        ?? OutOfRange("crop", Crop, 0, 64) ?? OutOfRange("attention", Attention, 0, 1e6) ?? OutOfRange("hints", Hints, 0, 1e6) ?? OutOfRange("past-self", PastSelf, 0, 1);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context) => Train(graph, context, trainStatistics: true);

    /// <summary>Trains; ranges of quantizers and running statistics are as the caller says.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="context">Data, teacher, seed.</param>
    /// <param name="trainStatistics">Do batch normalizations follow the batches?</param>
    /// <param name="with">What the caller adds to the options: penalties, pruning.</param>
    /// <param name="part">The longer training that this one is a part of, when it is one.</param>
    /// <param name="masks">What stays zero, by parameter name; what is zero in the graph's layers when not given.</param>
    /// <exception cref="OperationCanceledException">The context was cancelled.</exception>
    internal Graph Train(Graph graph, CompressionContext context, bool trainStatistics, Func<TrainingOptions, TrainingOptions>? with = null,
        TrainingPart? part = null, IReadOnlyDictionary<string, Tensor>? masks = null) => Run(graph, context, trainStatistics, with, part, masks).Model;

    /// <summary>Trains, and gives all that the training reached.</summary>
    /// <inheritdoc cref="Train"/>
    internal TrainingResult Run(Graph graph, CompressionContext context, bool trainStatistics, Func<TrainingOptions, TrainingOptions>? with = null,
        TrainingPart? part = null, IReadOnlyDictionary<string, Tensor>? masks = null)
    {
        var data = context.TrainingData;
        var augmentations = new List<Augmentation>();
        if (Crop > 0 && data.IsImages) augmentations.Add(new RandomCrop(Crop));
        if (Flip && data.IsImages) augmentations.Add(new HorizontalFlip());
        var teacher = Alpha > 0 ? context.Teacher : null;
        // Without augmentation the teacher says the same of a sample every time: it is asked once.
        var isPrecomputed = Epochs > 1 && augmentations.Count == 0 && (long)data.Count * data.ClassNames.Count <= MaxStoredScores;
        var options = new TrainingOptions
        {
            Epochs = Epochs,
            BatchSize = Math.Min(Batch ?? context.BatchSize, data.Count),
            LearningRate = Rate,
            Optimizer = new Sgd { WeightDecay = Decay },
            Schedule = new Cosine(),
            Distillation = teacher is null ? null : new Nabi.Training.Distillation(Alpha, Temperature) { IsPrecomputed = isPrecomputed },
            Guidance = context.Teacher is { } guide ? GuidanceOf(guide) : [],
            PastSelf = PastSelf > 0 ? new PastSelf(PastSelf) : null,
            Frozen = Freeze.IsEmpty ? [] : LayerFreezing.Parameters(graph, Freeze),
            TrainStatistics = trainStatistics,
            ClipNorm = 5,
            Seed = context.Seed,
            Augmentations = ValueArray.Create<Augmentation>([.. augmentations]),
        };
        var trainer = new Trainer(graph, data, with?.Invoke(options) ?? options, masks ?? SparsityMasks.Present(graph))
        {
            Teachers = teacher is null ? [] : [teacher],
            Threads = context.Threads,
            Clock = context.Clock,
            Part = part,
        };
        var result = trainer.Run(new TrainingReport(context), context.Cancellation);
        context.Cancellation.ThrowIfCancellationRequested();
        context.Notes.Curves.Add(result.History);
        context.Notes.SamplesPerSecond = result.SamplesPerSecond;
        return result;
    }

    private ValueArray<Guidance> GuidanceOf(Graph teacher)
    {
        var guidance = new List<Guidance>();
        if (Attention > 0) guidance.Add(new AttentionTransfer(teacher) { Beta = Attention, Layers = Layers });
        if (Hints > 0) guidance.Add(new Hints(teacher) { Weight = Hints, Layers = Layers });
        return guidance.ToArray();
    }

    private sealed class TrainingReport(CompressionContext context) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            var done = (value.Epoch - 1 + (double)value.Step / value.Steps) / value.Epochs;
            context.Progress?.Report(context.ProgressOf($"epoch {value.Epoch}/{value.Epochs}, loss {value.Loss:F3}, {value.SamplesPerSecond:F0} samples/s", done));
        }
    }
}

/// <summary>Writes <see cref="Distillation.FineTune"/> in recipes.</summary>
public static class FineTuneRecipe
{
    /// <summary>Adds training, distilled from the context's teacher.</summary>
    public static Recipe FineTune(this Recipe recipe, Func<FineTune, FineTune>? settings = null) =>
        recipe.Then(settings?.Invoke(new FineTune()) ?? new FineTune());
}
