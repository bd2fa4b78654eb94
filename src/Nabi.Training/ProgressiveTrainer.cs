using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>
/// Trains in the stages of <see cref="ProgressiveLearning"/>. Each stage is a <see cref="Trainer"/> over resized samples and the same network rebuilt for their size, which asks for
/// global pooling before its classifier; parameters, the optimizer's moments and the learning rate's schedule go on from stage to stage. The model given stays as it is, and the
/// trained one reads images of its size.
/// </summary>
public sealed class ProgressiveTrainer
{
    private readonly Graph _model;
    private readonly DataSet _data;
    private readonly TrainingOptions _options;
    private readonly Value _input;
    private readonly Shape _sample;
    private readonly IReadOnlyList<ProgressiveStage> _stages;
    private readonly long _stepsPerEpoch;

    /// <summary>Prepares a training.</summary>
    /// <param name="model">An untrained or trained classifier of images that reads the data's.</param>
    /// <param name="data">The training samples.</param>
    /// <param name="options">What decides the result; dropout, RandAugment's magnitude and mixup are the stages'.</param>
    /// <param name="progressive">The stages.</param>
    /// <exception cref="NabiException">Model, data and options do not fit together, or the model cannot read images of another size.</exception>
    public ProgressiveTrainer(Graph model, DataSet data, TrainingOptions options, ProgressiveLearning progressive)
    {
        if (options.Steps is not null) throw new NabiException("Progressive learning counts in epochs; give the training epochs instead of steps.");
        if (options.Distillation is not null) throw new NabiException("Progressive learning and distillation do not go together: the teacher reads images of one size.");
        if (options.Loss is Reconstruction) throw new NabiException("Progressive learning and reconstruction do not go together: an autoencoder's output has one size.");
        if (!data.IsImages) throw new NabiException($"Progressive learning grows images, but data set '{data.Name}' holds samples {data.SampleShape}.");
        var input = ModelInput.Of(model, data);
        if (!input.SampleShape.Equals(data.SampleShape)) throw new NabiException($"Progressive learning needs a model that reads images [C, H, W], not {input.SampleShape}.");
        (_model, _data, _input, _sample) = (model, data, model.Inputs[0], data.SampleShape);
        _options = options with { Normalization = options.Normalization ?? Normalization.From(model) ?? Normalization.Of(data) };
        _stages = progressive.Plan(_sample[1], _sample[2], options.Epochs);
        _stepsPerEpoch = data.Count / options.BatchSize;
        foreach (var stage in _stages) ModelOf(stage);
    }

    /// <summary>Samples of the validation set, measured after each epoch in the stage's size. Default none.</summary>
    public DataSet? Validation { get; init; }

    /// <summary>Saving and resuming, in the middle of any stage. Default none.</summary>
    public CheckpointOptions? Checkpoints { get; init; }

    /// <summary>Threads. Default one per processor.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Measures speed; it does not influence the result.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The stages, in order.</summary>
    public IReadOnlyList<ProgressiveStage> Stages => _stages;

    /// <summary>Trains through all stages.</summary>
    /// <param name="progress">Told about ten times a second, and at the end of each epoch; epochs are counted over all stages.</param>
    /// <param name="cancellation">Ends the training after the step under way; what was reached is returned (and saved when that is asked for).</param>
    /// <exception cref="NabiException">The loss stopped being a number, or a checkpoint cannot be read or written.</exception>
    public TrainingResult Run(IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        var (resumed, first) = Resumed();
        Trainer? before = null;
        TrainingResult? result = null;
        for (var i = first; i < _stages.Count && result is not { IsComplete: false }; i++)
        {
            var trainer = i == first && resumed is not null ? resumed : NewTrainer(i, before?.Step, result?.History ?? [], isResumed: false);
            result = trainer.Run(progress is null ? null : new InAllStages(this, _stages[i], progress), cancellation);
            result = result with { Steps = result.Steps + _stages[i].FirstEpoch * _stepsPerEpoch };
            before = trainer;
        }
        return result! with { Model = Sized(result.Model, _input.Shape) };
    }

    // A checkpoint belongs to one of the stages; the stages before it are done.
    private (Trainer? Trainer, int Stage) Resumed()
    {
        if (Checkpoints is not { Resume: true } || !File.Exists(Checkpoints.Path)) return (null, 0);
        var saved = Checkpoint.Read(Checkpoints.Path);
        for (var i = _stages.Count - 1; i > 0; i--)
            if (NewTrainer(i, null, [], isResumed: true) is var trainer && trainer.IsIn(saved)) return (trainer, i);
        return (NewTrainer(0, null, [], isResumed: true), 0);
    }

    private Trainer NewTrainer(int index, TrainingStep? earlier, IReadOnlyList<EpochRecord> history, bool isResumed)
    {
        var stage = _stages[index];
        var options = stage.Regularization.Apply(_options) with { Epochs = stage.Epochs, Seed = _options.Seed + (ulong)index * 0x9E3779B97F4A7C15 };
        return new Trainer(ModelOf(stage), _data.Resized(stage.Height, stage.Width), options)
        {
            Validation = Validation?.Resized(stage.Height, stage.Width),
            Checkpoints = Checkpoints is null ? null : Checkpoints with { Resume = isResumed },
            Threads = Threads,
            Clock = Clock,
            Part = new TrainingPart(stage.FirstEpoch, stage.FirstEpoch * _stepsPerEpoch, _options.Epochs * _stepsPerEpoch, earlier, history),
        };
    }

    private Graph ModelOf(ProgressiveStage stage)
    {
        try
        {
            return Sized(_model, [_input.Shape[0], _sample[0], stage.Height, stage.Width]);
        }
        catch (NabiException e)
        {
            throw new NabiException($"Model '{_model.Name}' cannot read images of {stage.Height} x {stage.Width}, as progressive learning wants; use a network with global pooling, or train it without.", e);
        }
    }

    private Graph Sized(Graph model, Shape shape) => model.WithInputShapes(new Dictionary<string, Shape>(StringComparer.Ordinal) { [_input.Name] = shape });

    /// <summary>Progress of one stage as progress of the whole; the time left counts later stages by the size of their images.</summary>
    private sealed class InAllStages(ProgressiveTrainer whole, ProgressiveStage stage, IProgress<TrainingProgress> progress) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            var later = 0.0;
            foreach (var other in whole._stages)
                if (other.FirstEpoch > stage.FirstEpoch) later += other.Epochs * (double)whole._data.Count * other.Height * other.Width / (stage.Height * stage.Width);
            progress.Report(value with
            {
                Epoch = value.Epoch + stage.FirstEpoch,
                Epochs = whole._options.Epochs,
                Remaining = value.Remaining + TimeSpan.FromSeconds(Math.Min(1e9, later / Math.Max(value.SamplesPerSecond, 1e-9))),
            });
        }
    }
}
