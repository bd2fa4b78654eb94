using Nabi.Models;
using Nabi.Training.Data;

namespace Nabi.Training.Tests;

public class ReconstructionTests
{
    /// <summary>What anomaly detection lives on: an autoencoder gives back what is like its training, and nothing else.</summary>
    [Fact]
    public void An_autoencoder_gives_back_what_is_normal_and_not_what_is_not()
    {
        var rng = new Rng(1);
        var (normal, strange) = (Waves(400, 1, rng), Waves(100, 5, rng));
        var model = Zoo.Find("fc-autoencoder").Create(new ModelOptions { Input = [64], Seed = 2 });
        var result = new Trainer(model, normal.Take(300), new TrainingOptions { Epochs = 20, BatchSize = 20, Loss = new Reconstruction(), Optimizer = new Adam(), LearningRate = 0.002 })
        {
            Validation = normal.Subset(Enumerable.Range(300, 100).ToArray()),
            Threads = 1,
        }.Run();
        Assert.True(result.History[^1].ValidationLoss < 0.3 * result.History[0].ValidationLoss, $"{result.History[0].ValidationLoss} -> {result.History[^1].ValidationLoss}");
        var usual = Evaluator.ReconstructionErrors(result.Model, normal.Subset(Enumerable.Range(300, 100).ToArray()));
        var odd = Evaluator.ReconstructionErrors(result.Model, strange);
        var area = usual.Average(u => odd.Count(o => o > u) / (double)odd.Length);
        Assert.True(area > 0.95, $"area under the curve {area}");
    }

    [Fact]
    public void The_loss_is_the_mean_of_the_squared_differences()
    {
        var data = Waves(8, 1, new Rng(1));
        var model = SmallModels.Linear(64, 64);
        var untouched = new Trainer(model, data, new TrainingOptions { Epochs = 1, BatchSize = 8, Loss = new Reconstruction(), LearningRate = 1e-12 }).Run();
        Assert.Equal(Evaluator.ReconstructionErrors(untouched.Model, data).Average(), untouched.History[0].Loss, 1e-4);
    }

    [Fact]
    public void An_output_of_another_size_is_refused() => Assert.Contains("must have the size of the input",
        Assert.Throws<NabiException>(() => new Trainer(SmallModels.Linear(64, 3), Waves(8, 1, new Rng(1)), new TrainingOptions { BatchSize = 4, Loss = new Reconstruction() })).Message);

    // Sines of a few periods and any phase, with noise.
    private static DataSet Waves(int count, int periods, Rng rng)
    {
        var samples = new float[count * 64];
        for (var i = 0; i < count; i++)
        {
            var phase = rng.NextDouble() * 2 * Math.PI;
            for (var t = 0; t < 64; t++) samples[i * 64 + t] = (float)(Math.Sin(phase + 2 * Math.PI * periods * t / 64) + 0.05 * rng.NextGaussian());
        }
        return DataSet.Of("waves", [64], samples, new int[count], ["wave"]);
    }
}
