using Nabi.Runtime;
using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>
/// Trains a classifier, or an autoencoder with <see cref="Reconstruction"/>: runs the training step's graph over shuffled batches, epoch after epoch. The model given stays as it is.
/// Equal model, data, options and number of threads give equal bits, also when the training was interrupted and resumed.
/// </summary>
public sealed class Trainer
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(100);

    private readonly Graph _model;
    private readonly DataSet _data;
    private readonly TrainingOptions _options;
    private readonly TrainingStep _step;
    private readonly BatchLoader _loader;
    private readonly ModelInput _input;
    private readonly long _total;
    private byte[]? _identity;

    /// <summary>Prepares a training.</summary>
    /// <param name="model">An untrained or trained classifier, see <see cref="TrainingStep.Build"/>.</param>
    /// <param name="data">The training samples.</param>
    /// <param name="options">What decides the result.</param>
    /// <param name="masks">Masks of pruned weights by parameter name, see <see cref="TrainingStep.Build"/>.</param>
    /// <exception cref="NabiException">Model, data and options do not fit together.</exception>
    public Trainer(Graph model, DataSet data, TrainingOptions options, IReadOnlyDictionary<string, Tensor>? masks = null)
    {
        if ((options.Fault ?? Verifier.FirstNonFinite(model)) is { } fault) throw new NabiException(fault);
        (_model, _data, _options) = (model, data, options);
        _input = ModelInput.Of(model, data);
        _loader = new BatchLoader(data, new BatchOptions
        {
            BatchSize = options.BatchSize,
            Seed = options.Seed,
            Normalization = options.Normalization ?? Normalization.From(model) ?? Normalization.Of(data),
            Augmentations = options.Augmentations,
            Mixup = options.Mixup,
            SampleShape = _input.SampleShape,
            ChannelsLast = _input.IsChannelsLast,
        });
        _total = options.Steps ?? (long)options.Epochs * _loader.Steps;
        foreach (var guide in options.Guidance.Select(g => g.Teacher).OfType<Graph>())
            if (Normalization.From(guide) is { } prepared && !prepared.Agrees(_loader.Normalization)) throw TeacherScores.PreparedOtherwise(guide);
        _step = TrainingStep.Build(model, options, masks);
        if (!_step.IsReconstruction && _step.Classes != data.ClassNames.Count)
            throw new NabiException($"Model '{model.Name}' tells {_step.Classes} classes apart, but data set '{data.Name}' has {data.ClassNames.Count}; give the model as many outputs.");
    }

    /// <summary>Samples of the validation set, measured after each epoch. Default none.</summary>
    public DataSet? Validation { get; init; }

    /// <summary>The models whose scores are learned from when <see cref="TrainingOptions.Distillation"/> is set; the softened probabilities of several are averaged. Default none.</summary>
    public IReadOnlyList<Graph> Teachers { get; init; } = [];

    /// <summary>Saving and resuming. Default none.</summary>
    public CheckpointOptions? Checkpoints { get; init; }

    /// <summary>Threads. Default one per processor.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Measures speed; it does not influence the result.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The longer training that this one is a part of, when it is one.</summary>
    internal TrainingPart? Part { get; init; }

    /// <summary>The graph that is run in each step.</summary>
    public TrainingStep Step => _step;

    /// <summary>What is done to the samples' values.</summary>
    public Normalization Normalization => _loader.Normalization;

    /// <summary>Trains. A trainer runs once.</summary>
    /// <param name="progress">Told about ten times a second, and at the end of each epoch.</param>
    /// <param name="cancellation">Ends the training after the step under way; what was reached is returned (and saved when that is asked for).</param>
    /// <exception cref="NabiException">The loss stopped being a number, or a checkpoint cannot be read or written.</exception>
    public TrainingResult Run(IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (Part is { Earlier: { } earlier }) _step.TakeOver(earlier);
        using var session = new Session(_step.Graph, new SessionOptions { Seed = _options.Seed, Threads = Threads });
        using var teacher = NewTeacher();
        var past = _options.PastSelf is null ? null : new PastPredictions(_data.Count, _step.Classes);
        var state = new State(session, teacher, past, Clock.GetTimestamp());
        if (Checkpoints is { Resume: true } && File.Exists(Checkpoints.Path)) Restore(state, Checkpoint.Read(Checkpoints.Path));
        else Begin(state);
        while (Done(state) < _total && !cancellation.IsCancellationRequested) RunEpoch(state, progress, cancellation);
        if (cancellation.IsCancellationRequested) Save(state);
        return new TrainingResult(Finished(), state.History, Done(state) >= _total, Math.Min(_total, Done(state)), state.Speed(Clock)) { Learned = _step.Guided };
    }

    private void Begin(State state)
    {
        if (Part is not null) state.History.AddRange(Part.History);
        Save(state);
    }

    private long Done(State state) => (long)state.Epoch * _loader.Steps + state.Step;

    /// <summary>Where the run is.</summary>
    private sealed class State(Session session, TeacherScores? teacher, PastPredictions? past, long start)
    {
        public Session Session { get; } = session;

        public TeacherScores? Teacher { get; } = teacher;

        public PastPredictions? Past { get; } = past;

        public int Epoch { get; set; }

        /// <summary>Steps of the epoch under way that are done.</summary>
        public int Step { get; set; }

        public double LossSum { get; set; }

        public long Correct { get; set; }

        public List<EpochRecord> History { get; } = [];

        public double Rate { get; set; }

        public long Samples { get; set; }

        public TimeSpan Elsewhere { get; set; }

        public long LastReport { get; set; }

        /// <summary>The stage of <see cref="TrainingOptions.Pruning"/> whose weights are pruned; -1 before the first.</summary>
        public int PruningStage { get; set; } = -1;

        /// <summary>Training samples per second, without validation and saving.</summary>
        public double Speed(TimeProvider clock) => Samples / Math.Max(1e-9, (clock.GetElapsedTime(start) - Elsewhere).TotalSeconds);
    }

    private void RunEpoch(State state, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        var start = Clock.GetTimestamp();
        var feed = NewFeed();
        foreach (var batch in _loader.Epoch(state.Epoch, state.Step))
        {
            if (cancellation.IsCancellationRequested) return;
            RunStep(state, batch, feed);
            if (state.Step == _loader.Steps || Done(state) == _total) break;
            Report(state, progress, null);
            if (Checkpoints is { EverySteps: > 0 } && state.Step % Checkpoints.EverySteps == 0) Save(state);
        }
        var seconds = Clock.GetElapsedTime(start).TotalSeconds;
        var pause = Clock.GetTimestamp();
        var (loss, accuracy) = Measured();
        state.Elsewhere += Clock.GetElapsedTime(pause);
        var record = new EpochRecord(state.Epoch + 1 + (Part?.Epochs ?? 0), state.Rate, state.LossSum / state.Step, Accuracy(state), loss, accuracy, seconds);
        state.History.Add(record);
        Report(state, progress, record);
        (state.Epoch, state.Step, state.LossSum, state.Correct) = (state.Epoch + 1, 0, 0, 0);
        Save(state);
    }

    private (double? Loss, double? Accuracy) Measured()
    {
        if (Validation is null) return (null, null);
        var options = new EvaluationOptions { Session = new SessionOptions { Threads = Threads } };
        if (_step.IsReconstruction) return (Evaluator.ReconstructionErrors(Finished(), Validation, options).Average(), null);
        var measured = Evaluator.Evaluate(Finished(), Validation, options, clock: Clock, cancellation: CancellationToken.None);
        return (measured.Loss, measured.Accuracy);
    }

    private Dictionary<string, Tensor> NewFeed()
    {
        var feed = new Dictionary<string, Tensor>(StringComparer.Ordinal) { [_step.Rate] = Tensor.Scalar(0f), [_step.Number] = Tensor.Scalar(0f) };
        if (_step.AverageDecay is { } decay) feed[decay] = Tensor.Scalar(0f);
        return feed;
    }

    private void RunStep(State state, Batch batch, Dictionary<string, Tensor> feed)
    {
        var (done, whole) = (Done(state) + (Part?.Steps ?? 0), Part?.Whole ?? _total);
        Prune(state, (double)done / whole);
        state.Rate = _options.LearningRate * _options.Schedule.Factor(done, whole);
        feed[_step.Rate].Span<float>()[0] = (float)state.Rate;
        feed[_step.Number].Span<float>()[0] = done + 1;
        if (_step.AverageDecay is { } decay) feed[decay].Span<float>()[0] = (float)Math.Min(_options.EmaDecay!.Value, (1.0 + done) / (10.0 + done));
        feed[_step.Input] = batch.Inputs;
        state.Past?.Soften(batch, _options.PastSelf!.AlphaAt(state.Epoch + (Part?.Epochs ?? 0), (int)((whole + _loader.Steps - 1) / _loader.Steps)));
        if (!_step.IsReconstruction) feed[_step.Targets] = batch.Targets;
        if (_step.Teacher is { } teacher) feed[teacher] = state.Teacher!.For(batch);
        var outputs = state.Session.Run(feed);
        var loss = outputs[TrainingStep.LossOutput].Item();
        if (!double.IsFinite(loss))
            throw new NabiException($"The loss stopped being a number in epoch {state.Epoch + 1}, step {state.Step + 1}; lower the learning rate ({_options.LearningRate}) or clip gradients.");
        state.LossSum += loss;
        if (!_step.IsReconstruction) state.Correct += CountCorrect(outputs[TrainingStep.LogitsOutput].Span<float>(), batch.Labels);
        state.Past?.Keep(batch, outputs[TrainingStep.LogitsOutput].Span<float>());
        state.Samples += batch.Count;
        state.Step++;
    }

    // After a resumption the stage reached is pruned again, which changes nothing.
    private void Prune(State state, double progress)
    {
        if (_options.Pruning is not { } pruning || pruning.StageAt(progress) is var stage && stage == state.PruningStage) return;
        state.PruningStage = stage;
        pruning.Prune(_step.Trained.Where(p => pruning.IsPruned(p.Key)).ToDictionary(StringComparer.Ordinal), progress);
    }

    private static int CountCorrect(ReadOnlySpan<float> logits, int[] labels)
    {
        var (classes, correct) = (logits.Length / labels.Length, 0);
        for (var i = 0; i < labels.Length; i++)
        {
            var row = logits.Slice(i * classes, classes);
            var best = 0;
            for (var c = 1; c < row.Length; c++) if (row[c] > row[best]) best = c;
            if (best == labels[i]) correct++;
        }
        return correct;
    }

    private double Accuracy(State state) => (double)state.Correct / Math.Max(1L, (long)state.Step * _options.BatchSize);

    private void Report(State state, IProgress<TrainingProgress>? progress, EpochRecord? finished)
    {
        if (progress is null) return;
        if (finished is null && state.LastReport != 0 && Clock.GetElapsedTime(state.LastReport) < ProgressInterval) return;
        state.LastReport = Clock.GetTimestamp();
        var speed = state.Speed(Clock);
        var left = (_total - Done(state)) * _options.BatchSize;
        progress.Report(new TrainingProgress(state.Epoch + 1, (int)((_total + _loader.Steps - 1) / _loader.Steps), state.Step, _loader.Steps, state.LossSum / Math.Max(1, state.Step), Accuracy(state),
            speed, TimeSpan.FromSeconds(Math.Min(1e9, left / Math.Max(speed, 1e-9))), finished));
    }

    private Graph Finished()
    {
        var model = _step.Model();
        var metadata = new Dictionary<string, string>(_loader.Normalization.Describe(model.Metadata, _data), StringComparer.Ordinal);
        var line = $"trained on {_data.Name}: {_data.Count} samples, {Part?.Whole ?? _total} steps, batch {_options.BatchSize}, {_options.Optimizer.GetType().Name}, rate {_options.LearningRate}, seed {_options.Seed}";
        metadata[MetadataKeys.Provenance] = metadata.TryGetValue(MetadataKeys.Provenance, out var before) ? $"{before}\n{line}" : line;
        return model.WithMetadata(metadata);
    }

    private TeacherScores? NewTeacher()
    {
        if (_options.Distillation is null) return null;
        if (Teachers.Count == 0) throw new NabiException("Distillation needs a teacher; give the trainer one.");
        return new TeacherScores(Teachers, _data, _loader, _options, _step.Classes, _input, Threads);
    }

    /// <summary>Is the saved training this one?</summary>
    internal bool IsIn(Checkpoint saved) => saved.Identity.AsSpan().SequenceEqual(Identity);

    private byte[] Identity => _identity ??= Checkpoint.IdentityOf(_step, _data, _options, Teachers);

    private void Save(State state)
    {
        if (Checkpoints is null) return;
        var pause = Clock.GetTimestamp();
        new Checkpoint
        {
            Identity = Identity,
            Epoch = state.Epoch,
            Step = state.Step,
            LossSum = state.LossSum,
            Correct = state.Correct,
            Chance = state.Session.Rng.State,
            History = state.History,
            Tensors = Tensors(state),
        }.Write(Checkpoints.Path);
        state.Elsewhere += Clock.GetElapsedTime(pause);
    }

    // All that changes from step to step: parameters, moments, averages, and what was predicted.
    private Dictionary<string, Tensor> Tensors(State state)
    {
        var tensors = _step.Graph.Updates.ToDictionary(u => u.Parameter.Name, u => u.Parameter.Data!, StringComparer.Ordinal);
        if (state.Past is { } past) tensors["past predictions"] = past.Probabilities;
        return tensors;
    }

    private void Restore(State state, Checkpoint saved)
    {
        if (!IsIn(saved))
            throw new NabiException($"The checkpoint '{Checkpoints!.Path}' belongs to another training: model, data or options differ. Delete it, or give another file.");
        (state.Epoch, state.Step, state.LossSum, state.Correct) = (saved.Epoch, saved.Step, saved.LossSum, saved.Correct);
        state.History.AddRange(saved.History);
        state.Session.Rng.State = saved.Chance;
        foreach (var (name, mine) in Tensors(state))
        {
            if (!saved.Tensors.TryGetValue(name, out var tensor) || tensor.Type != mine.Type)
                throw new NabiException($"The checkpoint '{Checkpoints!.Path}' lacks '{name}' as {mine.Type}; delete it to start again.");
            tensor.Bytes.CopyTo(mine.Bytes);
        }
    }
}
