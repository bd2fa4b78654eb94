using System.Globalization;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Targets softened by one's own past against plain labels.</summary>
internal sealed class PastSelfClaim : Claim
{
    private static readonly TrainingOptions Training = new() { Epochs = 20 };

    private static readonly (string Network, double Width, string Set, int Samples)[] Subjects =
    [
        ("nabi-small", 0.5, "fashion-mnist", 5_000),
        ("lenet-300-100", 1, "mnist", 1_000),
    ];

    public override string Name => "ps-kd";

    public override string Paper => "Kim, Ji, Yoon and Hwang 2021, Self-Knowledge Distillation with Progressive Refinement of Targets, table 1";

    public override string Statement => "Mixing the predictions of the epoch before into the targets makes a network better and its confidence truer.";

    public override void Run(ClaimRun run)
    {
        foreach (var subject in Subjects)
        {
            run.Say("");
            run.Say(string.Create(CultureInfo.InvariantCulture, $"{subject.Network} at width {subject.Width}, the first {subject.Samples:N0} training samples of {subject.Set}, {Training.Epochs} epochs."));
            run.Head("targets", "accuracy", "cross entropy on the test samples");
            Row("labels", Training);
            Row("labels smoothed by 0.1", Training with { Loss = new CrossEntropy(0.1) });
            Row("PS-KD, alpha 0.8", Training with { PastSelf = new PastSelf() });

            void Row(string what, TrainingOptions options)
            {
                var measured = run.Seeds.Select(s => Evaluator.Evaluate(Train(options with { Seed = s }), run.Data(subject.Set).Test, new EvaluationOptions { Session = new() { Threads = run.Threads } })).ToArray();
                run.Row(what, ClaimRun.Percent([.. measured.Select(m => m.Accuracy)]), measured.Average(m => m.Loss).ToString("F3", CultureInfo.InvariantCulture));
            }

            Graph Train(TrainingOptions options)
            {
                options = options with { LearningRate = TrainingOptions.UsualLearningRate(run.Untrained(subject.Network, subject.Set, 0, subject.Width), options.Optimizer) };
                return new Trainer(run.Untrained(subject.Network, subject.Set, options.Seed, subject.Width), run.Data(subject.Set).Train.Take(subject.Samples), options) { Threads = run.Threads }.Run().Model;
            }
        }
    }
}
