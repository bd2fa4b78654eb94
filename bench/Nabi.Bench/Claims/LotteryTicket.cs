using Nabi.Compression.Distillation;
using Nabi.Compression.Pruning;

namespace Nabi.Bench.Claims;

/// <summary>The winning ticket against the dense network and against its mask with other initial weights.</summary>
internal sealed class LotteryTicket : Claim
{
    private const int Rounds = 8;
    private const int Epochs = 3;
    private static readonly FineTune Training = new() { Epochs = Epochs, Rate = 0.05, Alpha = 0 };

    public override string Name => "lottery-ticket";

    public override string Paper => "Frankle and Carbin 2019, The Lottery Ticket Hypothesis, section 2";

    public override string Statement => "Trained from its own initial weights, a ticket with less than 20 % of the weights reaches the dense network's accuracy; re-initialised it does not.";

    public override void Run(ClaimRun run)
    {
        run.Say($"LeNet-300-100 on MNIST, {Epochs} epochs for every training; pruned in 8 rounds, the last layer half as much, each time back to the initial weights. Re-initialised: the same mask, the initial weights of another seed.");
        run.Head("weights left", "dense", "winning ticket", "re-initialised");
        var dense = run.Seeds.Select(s => run.Accuracy(Training.Apply(run.Untrained("lenet-300-100", "mnist", s), run.Context("mnist", s)), "mnist")).ToArray();
        foreach (var perRound in new[] { 0.2, 0.3 })
        {
            List<double> ticket = [], other = [];
            var left = 0.0;
            foreach (var seed in run.Seeds)
            {
                var (untrained, context) = (run.Untrained("lenet-300-100", "mnist", seed), run.Context("mnist", seed));
                var found = new Lottery { Sparsity = 1 - Math.Pow(1 - perRound, Rounds), Rounds = Rounds, Epochs = Epochs, Rate = Training.Rate }.Apply(untrained, context);
                var again = Training.Apply(SparsityMasks.Apply(run.Untrained("lenet-300-100", "mnist", seed + 100), SparsityMasks.Present(found)), context);
                ticket.Add(run.Accuracy(found, "mnist"));
                other.Add(run.Accuracy(again, "mnist"));
                left = 1 - SparsityMasks.SparsityOf(found);
                ClaimRun.Progress($"seed {seed}, {perRound} a round: {ticket[^1]:P2} {other[^1]:P2}");
            }
            run.Row(ClaimRun.Percent(left), ClaimRun.Percent(dense), ClaimRun.Percent(ticket), ClaimRun.Percent(other));
        }
    }
}
