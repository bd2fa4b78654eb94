using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Networks that teach each other against the same networks alone.</summary>
internal sealed class MutualLearningClaim : Claim
{
    private const string Set = "fashion-mnist";
    private const int Samples = 5_000;
    private const double Width = 0.5;
    private static readonly TrainingOptions Training = new() { Epochs = 12 };

    public override string Name => "mutual-learning";

    public override string Paper => "Zhang, Xiang, Hospedales and Lu 2018, Deep Mutual Learning, section 2 and table 2";

    public override string Statement => "Networks that start untrained and teach each other are better than the same networks trained alone; larger cohorts more so.";

    public override void Run(ClaimRun run)
    {
        run.Say($"nabi-small at width {Width}, the first {Samples:N0} training samples of Fashion-MNIST, {Training.Epochs} epochs. Mean over the networks of a cohort.");
        var data = run.Data(Set).Train.Take(Samples);
        run.Head("cohort", "accuracy");
        run.Row("alone", ClaimRun.Percent([.. run.Seeds.Select(s => run.Accuracy(new Trainer(Network(s), data, Training with { Seed = s }) { Threads = run.Threads }.Run().Model, Set))]));
        foreach (var size in new[] { 2, 3 })
            run.Row($"{size}", ClaimRun.Percent([.. run.Seeds.Select(s => Cohort(s, size))]));

        Graph Network(ulong seed) => run.Untrained("nabi-small", Set, seed, Width);

        double Cohort(ulong seed, int size)
        {
            Graph[] networks = [.. Enumerable.Range(0, size).Select(i => Network(seed + 100 * (ulong)i))];
            return new MutualTraining(networks, data, Training with { Seed = seed }, run.Threads).Run().Average(r => run.Accuracy(r.Model, Set));
        }
    }
}
