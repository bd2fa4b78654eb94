using Nabi.Compression.Pruning;
using Nabi.Compression.Recipes;
using Nabi.Training;

namespace Nabi.Compression.Search;

/// <summary>
/// Removes channels as long as accuracy allows. What can be reached is predicted first: candidates of every strength are trained for a moment, and those that are far
/// behind are given up (successive halving, Jamieson and Talwalkar 2016). The strongest that seems within reach is trained for long, and its result says
/// where to go on: stronger, or between it and the last good one.
/// </summary>
internal sealed class ChannelDescent(SearchRun run)
{
    private const int SweepSamples = 1000;

    // Part of the time for all first looks together, for one candidate, and kept for what follows the descent.
    private const double LookShare = 0.12, CandidateShare = 0.5, Reserve = 0.2;

    // The part of the accuracy missing after the first look that was still missing after a long training: what is assumed before there is a measurement.
    private const double UsualRest = 0.3;

    // What loses more than this after the first look is not trained any longer, and nothing stronger is looked at.
    private const double Hopeless = 0.35;

    private readonly KeepBracket _bracket = new();
    private readonly SortedDictionary<double, Look> _looks = [];
    private string _criterion = "l1";
    private double _rest = UsualRest;

    private sealed record Look(double Drop, Graph Graph);

    /// <summary>The strongest candidate within the drop; the original when there is none.</summary>
    public Candidate? Best { get; private set; }

    /// <summary>The candidate that comes closest of those that lose too much.</summary>
    public Candidate? Nearest { get; private set; }

    /// <summary>Descends until the bracket is closed, candidates or time are used up.</summary>
    public void Descend()
    {
        ChooseCriterion();
        LookAround();
        for (var made = 0; made < run.Options.MaxCandidates && Available > 0; made++)
        {
            var least = run.Options.KeepMacs.Min() / 2;
            if (_bracket.Next(Proposal(), least) is not { } keep) return;
            Candidate? candidate = null;
            run.Try(Name(keep), () => candidate = Candidate(keep));
            if (candidate is null) return;
        }
    }

    private double Available => run.Left.TotalSeconds - Reserve * run.Options.Time.TotalSeconds;

    private static string Name(double keep) => $"keep{keep * 100:0}";

    private Candidate Candidate(double keep)
    {
        var (from, before) = (Best?.Graph ?? run.Simple, Best?.Recipe ?? Recipe.Create("search"));
        var part = keep / (Best is null ? 1 : _bracket.Good);
        var candidate = run.Make(Name(keep), from, before, () =>
        {
            var pruned = Best is null && _looks.TryGetValue(keep, out var look) ? look.Graph : null;
            var prune = Prune(part);
            var epochs = run.EpochsIn(pruned ?? prune.Apply(from, run.Context with { Notes = new CompressionNotes() }), CandidateShare * Available);
            return [prune, run.Tuning with { Epochs = epochs }];
        });
        var integer = run.Integer($"{Name(keep)}-int8", candidate);
        var isGood = run.IsWithinDrop(candidate.Variant) || run.IsWithinDrop(integer.Variant);
        if (_looks.TryGetValue(keep, out var first) && first.Drop > 0.005)
            _rest = Math.Clamp(Drop(candidate.Variant) / first.Drop, 0.05, 1);
        _bracket.Add(keep, isGood);
        if (isGood) Best = candidate;
        else if (Nearest is null || candidate.Variant.ValidationAccuracy > Nearest.Variant.ValidationAccuracy) Nearest = candidate;
        return candidate;
    }

    private PruneChannels Prune(double keep) => new()
    {
        Criterion = _criterion,
        KeepMacs = Math.Clamp(keep, 0.01, 1),
        Multiple = run.Options.Multiple,
        MaxRatio = 0.9,
    };

    private double Drop(Variant variant) => run.Baseline.ValidationAccuracy - variant.ValidationAccuracy;

    // The strongest whose accuracy is expected to come back far enough; the mildest when none is.
    private double Proposal()
    {
        foreach (var (keep, look) in _looks)
            if (_rest * look.Drop <= run.Options.MaxDrop) return keep;
        return _looks.Count > 0 ? _looks.Keys.Max() : run.Options.KeepMacs.Max();
    }

    // From mild to strong, each trained on as many samples as the time for looking allows.
    private void LookAround()
    {
        var strengths = run.Options.KeepMacs.OrderDescending().ToArray();
        var share = LookShare * run.Options.Time.TotalSeconds / strengths.Length;
        foreach (var keep in strengths)
        {
            if (Available <= 0) return;
            run.Try($"first look at {Name(keep)}", () =>
            {
                run.Context.Report($"a first look at {keep:P0} of the multiply-accumulates");
                var pruned = Prune(keep).Apply(run.Simple, run.Context with { Notes = new CompressionNotes() });
                var samples = (int)Math.Clamp(run.Context.TrainingData.Count * share / Math.Max(1e-3, run.EpochSeconds(pruned)), run.Context.BatchSize * 4, run.Context.TrainingData.Count);
                var trained = (run.Tuning with { Epochs = 1 }).Train(pruned, Some(samples), trainStatistics: true);
                _looks[keep] = new Look(run.Baseline.ValidationAccuracy - Accuracy(trained), pruned);
            });
            if (!_looks.TryGetValue(keep, out var look)) continue;
            if (look.Drop > Hopeless) return;
        }
    }

    private CompressionContext Some(int samples)
    {
        var data = run.Context.TrainingData;
        var order = Enumerable.Range(0, data.Count).ToArray();
        run.Context.RngFor(0x100C).Shuffle(order.AsSpan());
        return run.Context with { Training = data.Subset(order.AsSpan(0, samples)), Notes = new CompressionNotes(), Progress = null };
    }

    private double Accuracy(Graph graph) => Evaluator.Evaluate(graph, run.Context.Validation.Take(SweepSamples), cancellation: run.Context.Cancellation).Accuracy;

    // One-shot: which criterion leaves most accuracy at 60 % of the multiply-accumulates, without training.
    private void ChooseCriterion()
    {
        var best = double.NegativeInfinity;
        foreach (var criterion in run.Options.Criteria)
        {
            run.Context.Report($"trying criterion {criterion}");
            run.Try($"criterion {criterion}", () =>
            {
                var pruned = new PruneChannels { Criterion = criterion, KeepMacs = 0.6, Multiple = run.Options.Multiple }.Apply(run.Simple, run.Context with { Notes = new CompressionNotes() });
                var accuracy = Accuracy(pruned);
                if (ChannelSelection.Macs(pruned) < 0.75 * ChannelSelection.Macs(run.Simple) && accuracy > best) (best, _criterion) = (accuracy, criterion);
            });
        }
    }
}
