using System.Globalization;
using Nabi.Compression.Distillation;
using Nabi.Compression.Factorization;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Every factorization at the same budgets, before and after fine-tuning.</summary>
internal sealed class FactorizedLayers : Claim
{
    private const string Data = "fashion-mnist";
    private static readonly TrainingOptions Training = new() { Epochs = 5, LearningRate = 0.05 };

    public override string Name => "factorization";

    public override string Paper => "Denton et al. 2014; Jaderberg et al. 2014, scheme 2; Lebedev et al. 2015; Kim et al. 2016";

    public override string Statement => "Layers written as products of smaller ones take a fraction of the multiply-accumulates, and fine-tuning recovers most of the accuracy.";

    public override void Run(ClaimRun run)
    {
        run.Say("LeNet-5 on Fashion-MNIST, 5 epochs; ranks by one energy for all layers under a budget of multiply-accumulates; 2 epochs of fine-tuning at a rate of 0.01. Latency of one image, in turn with the dense network (ratio of medians).");
        run.Head("method", "budget", "MACs", "weights", "dense", "factorized", "fine-tuned", "latency");
        foreach (var method in new[] { "svd", "spatial-svd", "tucker2", "cp" })
        {
            foreach (var keep in new[] { 0.5, 0.3 })
            {
                List<double> dense = [], bare = [], tuned = [], speed = [];
                var (macs, weights) = (0.0, 0.0);
                foreach (var seed in run.Seeds)
                {
                    var model = run.Trained("lenet5", Data, Training with { Seed = seed });
                    var context = run.Context(Data, seed);
                    ClaimRun.Progress($"{method} to {keep}, seed {seed}");
                    var small = new Factorize { Method = method, KeepMacs = keep }.Apply(model, context);
                    (macs, weights) = ((double)Macs(small) / Macs(model), (double)small.ParameterCount / model.ParameterCount);
                    dense.Add(run.Accuracy(model, Data));
                    bare.Add(run.Accuracy(small, Data));
                    tuned.Add(run.Accuracy(new FineTune { Epochs = 2, Rate = 0.01 }.Apply(small, context), Data));
                    speed.Add(Speed(model, small, run.Threads));
                }
                run.Row(method, ClaimRun.Percent(keep), ClaimRun.Percent(macs), ClaimRun.Percent(weights), ClaimRun.Percent(dense), ClaimRun.Percent(bare), ClaimRun.Percent(tuned),
                    speed.Average().ToString("F2", CultureInfo.InvariantCulture) + "x");
            }
        }
    }

    private static long Macs(Graph graph) => graph.WithBatch(1).Nodes.Sum(n => n.Cost.Macs);

    private static double Speed(Graph before, Graph after, int threads)
    {
        using Session slow = new(before.WithBatch(1), new SessionOptions { Threads = threads }), fast = new(after.WithBatch(1), new SessionOptions { Threads = threads });
        var inputs = slow.Graph.Inputs.ToDictionary(i => i.Name, i => Tensor.Full(i.Shape, 0.5f), StringComparer.Ordinal);
        var times = Latency.MeasureInTurn([slow, fast], [inputs, inputs], 50, 500, TimeProvider.System);
        return times[0].Median / times[1].Median;
    }
}
