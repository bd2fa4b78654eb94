using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Targets softened by one's own past against plain labels.</summary>
internal sealed class PastSelfClaim : Claim
{
    private const string Set = "fashion-mnist";
    private const int Samples = 5_000;
    private static readonly TrainingOptions Training = new() { Epochs = 20 };

    public override string Name => "ps-kd";

    public override string Paper => "Kim, Ji, Yoon and Hwang 2021, Self-Knowledge Distillation with Progressive Refinement of Targets, table 1";

    public override string Statement => "Mixing the predictions of the epoch before into the targets makes a network better and its confidence truer.";

    public override void Run(ClaimRun run)
    {
        run.Say($"nabi-small at width 0.5, the first {Samples:N0} training samples of Fashion-MNIST, {Training.Epochs} epochs.");
        var data = run.Data(Set).Train.Take(Samples);
        run.Head("targets", "accuracy", "cross entropy on the test samples");
        Row("labels", Training);
        Row("labels smoothed by 0.1", Training with { Loss = new CrossEntropy(0.1) });
        Row("PS-KD, alpha 0.8", Training with { PastSelf = new PastSelf() });

        void Row(string what, TrainingOptions options)
        {
            var measured = run.Seeds.Select(s => Evaluator.Evaluate(new Trainer(run.Untrained("nabi-small", Set, s, 0.5), data, options with { Seed = s }) { Threads = run.Threads }.Run().Model,
                run.Data(Set).Test, new EvaluationOptions { Session = new() { Threads = run.Threads } })).ToArray();
            run.Row(what, ClaimRun.Percent([.. measured.Select(m => m.Accuracy)]), $"{measured.Average(m => m.Loss):F3}");
        }
    }
}
