using Nabi.Models;
using Nabi.Training.Data;
using Nabi.Training.Data.Augmentations;
using Nabi.Training.Tests.Data;

namespace Nabi.Training.Tests;

/// <summary>Tan and Le 2021, section 4, algorithm 1 and table 6.</summary>
public class ProgressiveLearningTests
{
    private static readonly TrainingOptions Few = new() { Epochs = 4, BatchSize = 8, Seed = 3, LearningRate = 0.02, Augmentations = [new RandomCrop(2)] };

    [Fact]
    public void Stages_follow_algorithm_1_with_the_values_of_table_6()
    {
        var stages = new ProgressiveLearning().Plan(300, 300, 350);
        Assert.Equal([128, 185, 243, 300], stages.Select(s => s.Height));
        Assert.Equal([0.1, 0.1 + 0.2 / 3, 0.1 + 0.4 / 3, 0.3], stages.Select(s => s.Regularization.Dropout), Near);
        Assert.Equal([5, 5 + 5.0 / 3, 5 + 10.0 / 3, 10], stages.Select(s => s.Regularization.Magnitude), Near);
        Assert.All(stages, s => Assert.Equal(0, s.Regularization.MixupAlpha));
        Assert.Equal([87, 88, 87, 88], stages.Select(s => s.Epochs));
        Assert.Equal([0, 87, 175, 262], stages.Select(s => s.FirstEpoch));

        var large = new ProgressiveLearning { StartSize = 128.0 / 380, Start = new(0.1, 5, 0), End = new(0.5, 20, 0.5), Stages = 2 }.Plan(380, 380, 2);
        Assert.Equal([(128, new Regularization(0.1, 5, 0)), (380, new Regularization(0.5, 20, 0.5))], large.Select(s => (s.Width, s.Regularization)));
    }

    [Fact]
    public void A_stage_puts_its_regularization_into_the_options()
    {
        var options = new Regularization(0.2, 7, 0.4).Apply(Few with { Augmentations = [new RandAugment(3), new RandomCrop(2)] });
        Assert.Equal(0.2, options.Dropout);
        Assert.Equal<Augmentation>([new RandomCrop(2), new RandAugment(3, 7)], options.Augmentations);
        Assert.Equal(new Mixup(0.4), options.Mixup);
        Assert.Null(new Regularization(0, 0, 0).Apply(Few).Mixup);
    }

    [Fact]
    public void A_training_ends_with_a_model_of_its_own_size_and_equal_bits()
    {
        var (first, second) = (Train(), Train());
        Assert.Equal([Shape.Unknown, 1, 28, 28], first.Model.Inputs[0].Shape);
        Assert.Equal([1, 2, 3, 4], first.History.Select(h => h.Epoch));
        Assert.Equal((true, 4 * 6L), (first.IsComplete, first.Steps));
        Assert.Equal(Bits(first.Model), Bits(second.Model));
        // One schedule over all stages.
        Assert.True(first.History[3].LearningRate < first.History[2].LearningRate && first.History[2].LearningRate < first.History[1].LearningRate);
        Assert.Contains("24 steps", first.Model.Metadata[MetadataKeys.Provenance]);
    }

    [Fact]
    public void Small_images_make_the_early_stages_cheap()
    {
        var trainer = Trainer();
        Assert.Equal([14, 28], trainer.Stages.Select(s => s.Height));
        var costs = trainer.Stages.Select(s => GraphSummary.Of(Net().WithInputShapes(new Dictionary<string, Shape> { ["input"] = [Shape.Unknown, 1, s.Height, s.Width] })).Cost.Macs).ToArray();
        Assert.True(costs[0] < 0.35 * costs[1]);
    }

    [Fact]
    public void A_training_stopped_in_its_second_stage_goes_on_to_the_same_bits()
    {
        using var folder = new TemporaryFolder();
        var checkpoints = new CheckpointOptions(Path.Combine(folder.Path, "c.ckpt"));
        using var cancellation = new CancellationTokenSource();
        var stopped = Trainer(checkpoints).Run(new At(p => { if (p.Finished is { Epoch: 3 }) cancellation.Cancel(); }), cancellation.Token);
        Assert.Equal((false, 3 * 6L), (stopped.IsComplete, stopped.Steps));
        Assert.Equal([Shape.Unknown, 1, 28, 28], stopped.Model.Inputs[0].Shape);
        var (resumed, whole) = (Trainer(checkpoints).Run(), Train());
        Assert.Equal(Bits(whole.Model), Bits(resumed.Model));
        Assert.Equal(whole.History.Select(h => (h.Epoch, h.Loss)), resumed.History.Select(h => (h.Epoch, h.Loss)));
    }

    [Fact]
    public void What_does_not_fit_is_said()
    {
        var data = Glyphs.Draw(48, 10).Train;
        Assert.Contains("global pooling", Assert.Throws<NabiException>(() => new ProgressiveTrainer(SmallModels.Cnn(), data, Few, new ProgressiveLearning())).Message);
        Assert.Contains("4 epochs or more", Assert.Throws<NabiException>(() => new ProgressiveTrainer(Net(), data, Few with { Epochs = 3 }, new ProgressiveLearning())).Message);
        Assert.Contains("instead of steps", Assert.Throws<NabiException>(() => new ProgressiveTrainer(Net(), data, Few with { Steps = 9 }, new ProgressiveLearning())).Message);
    }

    private static ProgressiveTrainer Trainer(CheckpointOptions? checkpoints = null) =>
        new(Net(), Glyphs.Draw(48, 10).Train, Few, new ProgressiveLearning { Stages = 2, StartSize = 0.5, End = new(0.3, 10, 0.2) }) { Checkpoints = checkpoints, Threads = 1 };

    private static TrainingResult Train() => Trainer().Run();

    private static Graph Net() => Zoo.Find("mobilenet-v1-0.25-vww").Create(new ModelOptions { Input = [1, 28, 28], Classes = 10, Width = 0.5 });

    private static bool Near(double a, double b) => Math.Abs(a - b) < 1e-9;

    private static string Bits(Graph graph) => string.Join(' ', graph.Parameters.OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => Convert.ToHexString(p.Data!.Bytes)));

    private sealed class At(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }
}
