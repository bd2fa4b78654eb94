using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Exits taught by the deepest classifier against plain training.</summary>
internal sealed class OwnTeacherClaim : Claim
{
    private const string Set = "fashion-mnist";
    private const int Samples = 5_000;
    private static readonly TrainingOptions Training = new() { Epochs = 12 };

    public override string Name => "own-teacher";

    public override string Paper => "Zhang et al. 2019, Be Your Own Teacher, table 2";

    public override string Statement => "Training exits behind earlier stages, taught by the deepest classifier, makes the network itself better; the exits are then removed.";

    public override void Run(ClaimRun run)
    {
        run.Say($"nabi-small, the first {Samples:N0} training samples of Fashion-MNIST, {Training.Epochs} epochs; accuracy of the network without exits.");
        var data = run.Data(Set).Train.Take(Samples);
        run.Head("width", "plain", "with exits");
        foreach (var width in new[] { 0.25, 0.5 })
        {
            double[] plain = [.. run.Seeds.Select(s => Train(s, width, Training))];
            double[] taught = [.. run.Seeds.Select(s => Train(s, width, Training with { Guidance = [new OwnTeacher()] }))];
            run.Row($"{width}", ClaimRun.Percent(plain), ClaimRun.Percent(taught));
        }

        double Train(ulong seed, double width, TrainingOptions options) =>
            run.Accuracy(new Trainer(run.Untrained("nabi-small", Set, seed, width), data, options with { Seed = seed }) { Threads = run.Threads }.Run().Model, Set);
    }
}
