using System.Globalization;
using Nabi.Compression.Pruning;
using Nabi.Compression.Pruning.Criteria;
using Nabi.Models;
using Nabi.Runtime;

namespace Nabi.Bench.Claims;

/// <summary>Fewer channels are less time, without any special kernel.</summary>
internal sealed class PrunedLatency : Claim
{
    private const int Rounds = 3;

    private static readonly string[] Networks = ["resnet20", "resnet18", "densenet121", "shufflenet-v2-1.0", "mobilenet-v2", "mobilenet-v3-small", "deit-tiny"];

    public override string Name => "pruned-latency";

    public override string Paper => "Li et al. 2017, Pruning Filters for Efficient ConvNets, section 4.4 and table 3";

    public override string Statement => "Half the multiply-accumulates by removing channels is measurably less time, since what is left is dense.";

    public override void Run(ClaimRun run)
    {
        run.Say($"Untrained networks of the zoo at their own size, batch 1, {run.Threads} thread(s); the same part of every group removed until half of the multiply-accumulates are left, once freely and once leaving multiples of 8 channels. The fastest median of {Rounds} measurements in turn.");
        run.Head("network", "original", "half", "faster", "half, multiples of 8", "MACs left", "faster");
        foreach (var name in Networks)
        {
            var entry = Zoo.Find(name);
            var original = entry.Create(new ModelOptions { Seed = 1, Classes = 10 });
            Graph[] graphs = [original, Half(original, 1), Half(original, 8)];
            var times = Medians(graphs, run.Threads);
            var left = (double)ChannelSelection.Macs(graphs[2]) / ChannelSelection.Macs(original);
            run.Row(name, Milliseconds(times[0]), Milliseconds(times[1]), ClaimRun.Times(times[0] / times[1]), Milliseconds(times[2]), ClaimRun.Percent(left), ClaimRun.Times(times[0] / times[2]));
        }
    }

    private static Graph Half(Graph graph, int multiple)
    {
        var groups = ChannelGroups.Of(graph);
        var (criterion, rng) = (new L1(), new Rng(1));
        var scores = groups.Select(g => criterion.Score(new ChannelGroupView(g, null, rng))).ToArray();
        var selection = new ChannelSelection(groups, scores, areComparable: false, new ChannelLimits { Multiple = multiple });
        return groups.Prune(selection.ForMacs(0.5, perGroup: true));
    }

    // In turn, so that all see the same machine.
    private static double[] Medians(Graph[] graphs, int threads)
    {
        var sessions = Array.ConvertAll(graphs, g => new Session(g.WithBatch(1), new SessionOptions { Threads = threads }));
        var medians = new double[graphs.Length];
        Array.Fill(medians, double.PositiveInfinity);
        for (var round = 0; round < Rounds; round++)
            for (var i = 0; i < sessions.Length; i++) medians[i] = Math.Min(medians[i], Latency.Measure(sessions[i], warmup: 5, runs: 30, TimeProvider.System).Median.TotalMilliseconds);
        foreach (var session in sessions) session.Dispose();
        return medians;
    }

    private static string Milliseconds(double value) => value.ToString("F2", CultureInfo.InvariantCulture) + " ms";
}
