using System.Globalization;
using Nabi.Compression.Transfer;
using Nabi.Training;

namespace Nabi.Bench.Claims;

/// <summary>Net2Net: wider and deeper networks compute the same, and learn faster than the same networks from nothing.</summary>
internal sealed class Net2Net : Claim
{
    private const string Set = "fashion-mnist";
    private const int Samples = 5_000;
    private const double Width = 0.25;

    public override string Name => "net2net";

    public override string Paper => "Chen, Goodfellow and Shlens 2016, Net2Net, algorithm 1, section 2.3 and figures 4 and 5";

    public override string Statement => "A network made wider or deeper computes what it did, and then reaches an accuracy in fewer epochs than the larger network from random weights.";

    public override void Run(ClaimRun run)
    {
        run.Say($"Small network: nabi-small at width {Width}, 8 epochs on the first {Samples:N0} training samples of Fashion-MNIST. Widened by 2 (noise 0.05 before training) or deepened by one layer a stage, then trained at rate 0.02 with a cosine; the same architecture from random weights at its usual rate 0.05. The epochs of the small network come on top.");
        var data = run.Data(Set).Train.Take(Samples);
        foreach (var isWider in new[] { true, false })
        {
            run.Head(isWider ? "wider, epochs" : "deeper, epochs", "from random weights", "from the small network");
            var starts = run.Seeds.Select(s => Start(s, isWider)).ToArray();
            foreach (var epochs in new[] { 1, 2, 4 })
            {
                List<double> scratch = [], grown = [];
                foreach (var (seed, start) in run.Seeds.Zip(starts))
                {
                    scratch.Add(run.Accuracy(Train(start.Random, seed, epochs, 0.05), Set));
                    grown.Add(run.Accuracy(Train(start.Grown, seed, epochs, 0.02), Set));
                }
                run.Row($"{epochs}", ClaimRun.Percent(scratch), ClaimRun.Percent(grown));
            }
            run.Say("");
            run.Say(string.Create(CultureInfo.InvariantCulture, $"Before training the {(isWider ? "wider" : "deeper")} network has the small one's accuracy of {ClaimRun.Percent([.. starts.Select(s => s.Accuracy)])}; the largest difference of a score is {starts.Max(s => s.Difference):E1} of the largest score."));
        }

        Graph Train(Graph network, ulong seed, int epochs, double rate) =>
            new Trainer(network, data, new TrainingOptions { Epochs = epochs, Seed = seed, LearningRate = rate }) { Threads = run.Threads }.Run().Model;

        (Graph Grown, Graph Random, double Accuracy, double Difference) Start(ulong seed, bool isWider)
        {
            var context = run.Context(Set, seed) with { Training = data };
            var small = Train(run.Untrained("nabi-small", Set, seed, Width), seed, 8, 0.05);
            var exact = isWider ? new Widen { Factor = 2 }.Apply(small, context) : new Deepen().Apply(small, context);
            var grown = isWider ? new Widen { Factor = 2, Noise = 0.05 }.Apply(small, context) : exact;
            var untrained = run.Untrained("nabi-small", Set, seed, isWider ? 2 * Width : Width);
            var random = isWider ? untrained : Redrawn(new Deepen().Apply(untrained, context), seed);
            var (before, after) = (Evaluator.Logits(small, data.Take(1000)).ToSingle(), Evaluator.Logits(exact, data.Take(1000)).ToSingle());
            return (grown, random, run.Accuracy(exact, Set), before.Zip(after, (x, y) => Math.Abs(x - y)).Max() / before.Max(Math.Abs));
        }
    }

    // New layers with random weights (He et al. 2015) and fresh normalization instead of identities.
    private static Graph Redrawn(Graph graph, ulong seed)
    {
        var rng = new Rng(seed).Fork(1);
        return graph.WithParameters(graph.Parameters.Where(p => p.Name.Contains(".deeper", StringComparison.Ordinal) && p.DType == DType.Float32).ToDictionary(p => p.Name, p =>
        {
            var tensor = Tensor.Zeros(DType.Float32, p.Shape);
            if (p.Shape.Rank == 4) foreach (ref var w in tensor.Span<float>()) w = (float)(rng.NextGaussian() * Math.Sqrt(2.0 / p.Shape.CountOf(1, 4)));
            else if (p.Name.EndsWith(".bn.weight", StringComparison.Ordinal) || p.Name.EndsWith("running_var", StringComparison.Ordinal)) tensor.Span<float>().Fill(1);
            return tensor;
        }, StringComparer.Ordinal));
    }
}
