using Nabi.Training.Data;
using Nabi.Training.Data.Augmentations;
using Nabi.Training.Tests.Data;

namespace Nabi.Training.Tests;

public class TrainerTests
{
    private static readonly TrainingOptions Rich = new()
    {
        Epochs = 2,
        BatchSize = 8,
        Seed = 5,
        EmaDecay = 0.9,
        ClipNorm = 1,
        Optimizer = new AdamW(),
        LearningRate = 0.01,
        Augmentations = [new RandomCrop(2), new HorizontalFlip(), new Cutout(6)],
        Mixup = new Mixup(),
    };

    [Fact]
    public void It_learns_a_few_glyphs_by_heart()
    {
        var data = Glyphs.Draw(32, 10).Train;
        var result = new Trainer(SmallModels.Cnn(), data, new TrainingOptions { Epochs = 30, BatchSize = 16, LearningRate = 0.05, Schedule = new Cosine() }).Run();
        Assert.True(result.IsComplete);
        Assert.Equal(30, result.History.Count);
        Assert.True(result.History[^1].Loss < 0.2 * result.History[0].Loss, $"{result.History[0].Loss} -> {result.History[^1].Loss}");
        Assert.Equal(1, Evaluator.Evaluate(BatchNormRecalibration.Recalibrate(result.Model, data), data).Accuracy);
        Assert.Equal("glyphs", result.Model.Metadata[MetadataKeys.DataSet]);
    }

    [Fact]
    public void Glyphs_are_hard_for_a_linear_classifier_and_not_for_a_convolutional_one()
    {
        var data = Glyphs.Draw(3_000, 300);
        var options = new TrainingOptions { Epochs = 5, BatchSize = 32, LearningRate = 0.002, Optimizer = new Adam() };
        var linear = Evaluator.Evaluate(new Trainer(SmallModels.Linear(784, 10), data.Train, options).Run().Model, data.Test).Accuracy;
        var cnn = Evaluator.Evaluate(new Trainer(SmallModels.Cnn(channels: 16, stride: 2, layers: 3), data.Train, options).Run().Model, data.Test).Accuracy;
        Assert.InRange(linear, 0.15, 0.45);
        Assert.True(cnn > linear + 0.25, $"linear {linear}, convolutional {cnn}");
    }

    [Fact]
    public void A_training_can_be_a_number_of_steps()
    {
        var data = Glyphs.Draw(48, 10).Train;
        var result = Train(data, Rich with { Steps = 8 });
        Assert.Equal((true, 8L), (result.IsComplete, result.Steps));
        // Six steps an epoch: the second epoch is cut, and the schedule ends with it.
        Assert.Equal(2, result.History.Count);
        Assert.True(result.History[1].LearningRate < 0.1 * Rich.LearningRate);
    }

    [Fact]
    public void A_sparsity_penalty_shrinks_the_scales_it_names()
    {
        var data = Glyphs.Draw(48, 10).Train;
        double Scales(double strength) => Train(data, Rich with { EmaDecay = null, Penalties = [new ScaleSparsity(strength)] }).Model
            .Parameter("norm.scale")!.Data!.ToSingle().Sum(Math.Abs);
        Assert.True(Scales(10) < Scales(1e-6) - 0.1);
    }

    [Fact]
    public void Equal_seeds_give_equal_bits_and_other_seeds_do_not()
    {
        var data = Glyphs.Draw(48, 10).Train;
        var (a, b) = (Train(data, Rich), Train(data, Rich));
        Assert.Equal(Bits(a.Model), Bits(b.Model));
        Assert.Equal(a.History.Select(h => h.Loss), b.History.Select(h => h.Loss));
        Assert.NotEqual(Bits(a.Model), Bits(Train(data, Rich with { Seed = 6 }).Model));
    }

    [Fact]
    public void A_training_killed_in_the_middle_of_an_epoch_resumes_to_the_same_bits()
    {
        using var folder = new TemporaryFolder();
        var data = Glyphs.Draw(48, 10).Train;
        var whole = Train(data, Rich);
        var checkpoints = new CheckpointOptions(Path.Combine(folder.Path, "c.ckpt"), EverySteps: 2);
        // Dies in the fourth step of the second epoch of six, after the checkpoint of its second.
        var died = Assert.Throws<InvalidOperationException>(() => new Trainer(SmallModels.Cnn(), data, Rich) { Checkpoints = checkpoints, Clock = new EveryTick() }
            .Run(new At(p => { if (p is { Epoch: 2, Step: 3 }) throw new InvalidOperationException("power cut"); })));
        Assert.Equal("power cut", died.Message);
        var resumed = new Trainer(SmallModels.Cnn(), data, Rich) { Checkpoints = checkpoints }.Run();
        Assert.Equal(Bits(whole.Model), Bits(resumed.Model));
        Assert.Equal(whole.History.Select(h => (h.Epoch, h.Loss, h.Accuracy)), resumed.History.Select(h => (h.Epoch, h.Loss, h.Accuracy)));

        var e = Assert.Throws<NabiException>(() => new Trainer(SmallModels.Cnn(), data, Rich with { Seed = 9 }) { Checkpoints = checkpoints }.Run());
        Assert.Contains("belongs to another training", e.Message);
        var bytes = File.ReadAllBytes(checkpoints.Path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(checkpoints.Path, bytes);
        Assert.Contains("is damaged", Assert.Throws<NabiException>(() => new Trainer(SmallModels.Cnn(), data, Rich) { Checkpoints = checkpoints }.Run()).Message);
    }

    [Fact]
    public void Weights_pruned_in_stages_stay_zero_also_after_a_resumption()
    {
        using var folder = new TemporaryFolder();
        var data = Glyphs.Draw(48, 10).Train;
        var options = Rich with { Epochs = 4, Pruning = new ZeroFilters() };
        var whole = Train(data, options);
        var weights = whole.Model.Parameter("conv.weight")!.Data!.ToSingle();
        for (var i = 0; i < weights.Length; i++) Assert.Equal(i < 3 * 25, weights[i] == 0);

        var checkpoints = new CheckpointOptions(Path.Combine(folder.Path, "c.ckpt"), EverySteps: 2);
        Assert.Throws<InvalidOperationException>(() => new Trainer(SmallModels.Cnn(), data, options) { Checkpoints = checkpoints, Clock = new EveryTick() }
            .Run(new At(p => { if (p is { Epoch: 3, Step: 5 }) throw new InvalidOperationException("power cut"); })));
        Assert.Equal(Bits(whole.Model), Bits(new Trainer(SmallModels.Cnn(), data, options) { Checkpoints = checkpoints }.Run().Model));
    }

    // One filter after each quarter of the training.
    private sealed record ZeroFilters : PruningSchedule
    {
        public override bool IsPruned(string parameter) => parameter == "conv.weight";

        public override int StageAt(double progress) => (int)(4 * progress);

        public override void Prune(IReadOnlyDictionary<string, Tensor> weights, double progress) => weights["conv.weight"].Span<float>()[..(25 * StageAt(progress))].Clear();
    }

    [Fact]
    public void A_cancelled_training_returns_what_it_reached_and_goes_on_later()
    {
        using var folder = new TemporaryFolder();
        var data = Glyphs.Draw(48, 10).Train;
        var checkpoints = new CheckpointOptions(Path.Combine(folder.Path, "c.ckpt"));
        using var cancellation = new CancellationTokenSource();
        var result = new Trainer(SmallModels.Cnn(), data, Rich) { Checkpoints = checkpoints, Clock = new EveryTick() }
            .Run(new At(p => { if (p is { Epoch: 1, Step: 4 }) cancellation.Cancel(); }), cancellation.Token);
        Assert.False(result.IsComplete);
        Assert.Equal(4, result.Steps);
        Assert.Equal(Bits(Train(data, Rich).Model), Bits(new Trainer(SmallModels.Cnn(), data, Rich) { Checkpoints = checkpoints }.Run().Model));
    }

    [Fact]
    public void A_student_follows_its_teacher()
    {
        var data = Glyphs.Draw(48, 10).Train;
        var teacher = new Trainer(SmallModels.Cnn(), data, new TrainingOptions { Epochs = 8, BatchSize = 16 }).Run().Model;
        foreach (var isPrecomputed in new[] { false, true })
        {
            // All weight on the teacher: labels alone cannot be the reason for the agreement.
            var options = new TrainingOptions { Epochs = 12, BatchSize = 16, Distillation = new Distillation(1, 2) { IsPrecomputed = isPrecomputed } };
            var student = new Trainer(SmallModels.Cnn(seed: 7), data, options) { Teachers = [teacher] }.Run().Model;
            var agreement = Evaluator.Evaluate(teacher, data).AgreementWith(Evaluator.Evaluate(student, data));
            Assert.True(agreement > 0.8, $"agreement {agreement}");
        }
    }

    [Fact]
    public void What_does_not_fit_is_said()
    {
        var data = Glyphs.Draw(20, 10).Train;
        Assert.Contains("wants samples [1, 20, 20]", Assert.Throws<NabiException>(() => new Trainer(SmallModels.Cnn(20), data, new TrainingOptions { BatchSize = 4 })).Message);
        Assert.Contains("7 classes apart", Assert.Throws<NabiException>(() => new Trainer(SmallModels.Cnn(classes: 7), data, new TrainingOptions { BatchSize = 4 })).Message);
        Assert.Contains("fewer than one batch", Assert.Throws<NabiException>(() => new Trainer(SmallModels.Cnn(), data, new TrainingOptions())).Message);
        Assert.Contains("stopped being a number", Assert.Throws<NabiException>(() => new Trainer(SmallModels.Cnn(), data,
            new TrainingOptions { BatchSize = 4, Epochs = 20, LearningRate = 1e5, Schedule = new Constant(), Optimizer = new Sgd { Momentum = 0.99 } }).Run()).Message);
    }

    private static TrainingResult Train(DataSet data, TrainingOptions options) => new Trainer(SmallModels.Cnn(), data, options).Run();

    private static string Bits(Graph graph) => string.Join(' ', graph.Parameters.OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => Convert.ToHexString(p.Data!.Bytes)));

    /// <summary>Reports are not throttled: every look at the clock is a second later.</summary>
    private sealed class EveryTick : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => ++_now;
    }

    private sealed class At(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }
}
