using Nabi.Training.Data;
using Nabi.Training.Tests.Data;

namespace Nabi.Training.Tests;

public class PastSelfTests
{
    [Fact]
    public void Targets_turn_from_labels_to_what_was_predicted()
    {
        var past = new PastPredictions(3, 2);
        var batch = new BatchLoader(DataSet.Of("two", [1], [1f, 2f], [0, 1], ["a", "b"]), new BatchOptions { BatchSize = 2, Shuffle = false }).Epoch(0).First();
        past.Soften(batch, 0.5);
        Assert.Equal([1f, 0, 0, 1], batch.Targets.ToSingle());
        past.Keep(batch, [0, 0, MathF.Log(3), 0]);
        past.Soften(batch, 0.4);
        var expected = new[] { 0.6 + 0.4 * 0.5, 0.4 * 0.5, 0.4 * 0.75, 0.6 + 0.4 * 0.25 };
        for (var i = 0; i < 4; i++) Assert.Equal(expected[i], batch.Targets.ToSingle()[i], 1e-6);
        Assert.Equal([0.2, 0.8], new[] { new PastSelf().AlphaAt(0, 4), new PastSelf().AlphaAt(3, 4) });
    }

    [Fact]
    public void It_makes_a_network_less_sure_and_resumes_to_the_same_bits()
    {
        using var folder = new TemporaryFolder();
        var data = Glyphs.Draw(64, 10).Train;
        var options = new TrainingOptions { Epochs = 10, BatchSize = 16, PastSelf = new PastSelf() };
        TrainingResult Train(TrainingOptions o, CheckpointOptions? checkpoints = null, CancellationToken cancellation = default, IProgress<TrainingProgress>? progress = null) =>
            new Trainer(SmallModels.Cnn(), data, o) { Threads = 1, Checkpoints = checkpoints }.Run(progress, cancellation);
        var whole = Train(options);
        Assert.True(whole.History[^1].Loss > Train(options with { PastSelf = null }).History[^1].Loss);

        var saved = new CheckpointOptions(Path.Combine(folder.Path, "c.ckpt"));
        using var cancellation = new CancellationTokenSource();
        Train(options, saved, cancellation.Token, new Until(p => { if (p.Finished is { Epoch: 4 }) cancellation.Cancel(); }));
        Assert.Equal(whole.History.Select(h => h.Loss), Train(options, saved).History.Select(h => h.Loss));
        Assert.Contains("mixup do not go together", Assert.Throws<NabiException>(() => Train(options with { Mixup = new Nabi.Training.Data.Augmentations.Mixup() })).Message);
    }

    private sealed class Until(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }
}
