using Nabi.Compression.Pruning;
using Nabi.Compression.Recipes;
using Nabi.Training;

namespace Nabi.Compression.Search;

/// <summary>
/// Removes channels, or lowers ranks where that is better, as long as accuracy allows. What can be reached is predicted first: candidates of every strength are trained for a
/// moment, and those that are far behind are given up (successive halving, Jamieson and Talwalkar 2016). The strongest that seems within reach, by a
/// <see cref="LearningCurve"/>, is trained for long, and its result says where to go on: stronger, longer, or between it and the last good one.
/// </summary>
internal sealed class Descent(SearchRun run)
{
    private const int SweepSamples = 1000;

    // Part of the time for all first looks together, for one candidate, and kept for what follows the descent.
    private const double LookShare = 0.1, CandidateShare = 0.5, Reserve = 0.25;

    // One candidate beyond what was looked at does so many times less than the one it is made from.
    private const double Beyond = 1.4;

    // What loses more than this after the first look is not trained any longer, and nothing stronger is looked at.
    private const double Hopeless = 0.35;

    // The part of the multiply-accumulates at which ways are compared, and by how much accuracies after a moment of training differ by chance.
    private const double OneShot = 0.6, LookNoise = 0.01;

    // Numbers that layers write, against the original's: factors write more, and memory is slower than arithmetic.
    private const double MostActivations = 1.25;

    private readonly KeepBracket _bracket = new();
    private readonly SortedDictionary<double, Look> _looks = [];
    private Reduction _way = new("l1");
    private LearningCurve _curve = new();
    private double _usual = double.NaN;
    private int _epochs;

    private sealed record Look(double Drop, int Samples, Graph Graph);

    /// <summary>The strongest candidate within the drop; the original when there is none.</summary>
    public Candidate? Best { get; private set; }

    /// <summary>The candidate that comes closest of those that lose too much.</summary>
    public Candidate? Nearest { get; private set; }

    /// <summary>Descends until the bracket is closed, candidates or time are used up.</summary>
    public void Descend()
    {
        ChooseWay();
        LookAround();
        for (var made = 0; made < run.Options.MaxCandidates && Available > 0; made++)
        {
            var least = run.Options.KeepMacs.Min() / 2;
            if (_bracket.Next(Proposal(), least) is not { } keep) return;
            var isMade = false;
            run.Try(Name(keep), () =>
            {
                Attempt(keep);
                isMade = true;
            });
            if (!isMade) return;
        }
    }

    private double Available => run.Left.TotalSeconds - Reserve * run.Options.Time.TotalSeconds;

    private string Name(double keep) => _way.Name(keep);

    private void Attempt(double keep)
    {
        var again = _way.IsRepeatable ? Best : null;
        var (from, before) = (again?.Graph ?? run.Simple, again?.Recipe ?? Recipe.Create("search"));
        var part = keep / (again is null ? 1 : _bracket.Good);
        var candidate = run.Make(Name(keep), from, before, () =>
        {
            var known = again is null && _looks.TryGetValue(keep, out var look) ? look.Graph : null;
            var epochs = run.EpochsIn(known ?? Reduced(_way, from, part), CandidateShare * Available);
            return [_way.Step(part, run.Options.Multiple), run.Tuning with { Epochs = epochs }];
        });
        var isGood = IsGood(candidate);
        var epochs = candidate.Variant.Curves.Sum(c => c.Count) + (again is null ? 0 : _epochs);
        if (_looks.TryGetValue(keep, out var first))
            _curve = _curve.Learn((first.Samples, first.Drop), (SamplesOf(epochs), Drop(candidate.Variant)));
        // What lost a little too much may only have been trained too briefly: that is cheaper to find out than another strength.
        if (!isGood && LongerWouldDo(candidate, epochs) && run.Longer(candidate, Name(keep), 1, CandidateShare * Available) is { } longer && IsGood(longer))
            (candidate, isGood, epochs) = (longer, true, epochs + longer.Variant.Curves.Sum(c => c.Count));
        _bracket.Add(keep, isGood);
        if (isGood) (Best, _epochs) = (candidate, epochs);
        else if (Nearest is null || candidate.Variant.ValidationAccuracy > Nearest.Variant.ValidationAccuracy) Nearest = candidate;
    }

    // In floats or as int8, which is made in any case.
    private bool IsGood(Candidate candidate) => run.IsWithinDrop(candidate.Variant) | run.IsWithinDrop(run.Integer($"{candidate.Variant.Name}-int8", candidate).Variant);

    private bool LongerWouldDo(Candidate candidate, int epochs) => Available > 0
        && _curve.Predict((SamplesOf(epochs), Drop(candidate.Variant)), SamplesOf(epochs + run.EpochsIn(candidate.Graph, CandidateShare * Available))) <= run.Options.MaxDrop;

    private double SamplesOf(int epochs) => (double)epochs * run.Context.TrainingData.Count;

    // The original's on the samples that looks are measured with.
    private double Usual => double.IsNaN(_usual) ? _usual = Accuracy(run.Simple) : _usual;

    private Graph Reduced(Reduction way, Graph graph, double keep) => way.Step(keep, run.Options.Multiple).Apply(graph, run.Context with { Notes = new CompressionNotes() });

    private double Drop(Variant variant) => run.Baseline.ValidationAccuracy - variant.ValidationAccuracy;

    // The strongest whose accuracy is expected to come back far enough, the mildest when none is; beyond what was looked at, so much less at a time.
    private double Proposal()
    {
        var stronger = _looks.Where(l => l.Key < _bracket.Good).ToArray();
        foreach (var (keep, look) in stronger)
        {
            var samples = SamplesOf(run.EpochsIn(look.Graph, CandidateShare * Available));
            if (_curve.Predict((look.Samples, look.Drop), samples) <= run.Options.MaxDrop) return keep;
        }
        return stronger.Length > 0 ? stronger[^1].Key : _looks.Count > 0 ? _bracket.Good / Beyond : run.Options.KeepMacs.Max();
    }

    // From mild to strong, each trained on as many samples as the time for looking allows.
    private void LookAround()
    {
        foreach (var keep in run.Options.KeepMacs.OrderDescending())
        {
            if (Available <= 0) return;
            run.Try($"first look at {Name(keep)}", () => _looks[keep] = LookAt(_way, keep));
            if (_looks.TryGetValue(keep, out var look) && look.Drop > Hopeless) return;
        }
    }

    private Look LookAt(Reduction way, double keep)
    {
        run.Context.Report($"a first look at {way.Name(keep)}");
        var share = LookShare * run.Options.Time.TotalSeconds / run.Options.KeepMacs.Count;
        var reduced = Reduced(way, run.Simple, keep);
        var all = run.Context.TrainingData.Count;
        var samples = (int)Math.Clamp(all * share / Math.Max(1e-3, run.EpochSeconds(reduced)), Math.Min(all, run.Context.BatchSize * 4), all);
        var trained = (run.Tuning with { Epochs = 1 }).Train(reduced, Some(samples), trainStatistics: true);
        return new Look(Usual - Accuracy(trained), samples, reduced);
    }

    private CompressionContext Some(int samples)
    {
        var data = run.Context.TrainingData;
        var order = Enumerable.Range(0, data.Count).ToArray();
        run.Context.RngFor(0x100C).Shuffle(order.AsSpan());
        return run.Context with { Training = data.Subset(order.AsSpan(0, samples)), Notes = new CompressionNotes(), Progress = null };
    }

    private double Accuracy(Graph graph) => Evaluator.Evaluate(graph, run.Context.Validation.Take(SweepSamples), cancellation: run.Context.Cancellation).Accuracy;

    // Which criterion leaves most accuracy without training; and where that loses more than is allowed, do low ranks, trained for a moment as well, leave more than it does, without
    // results between that cost more than they save? Ranks are lowered once, channels again and again, so that channels come first.
    private void ChooseWay()
    {
        if (MostAccurate(run.Options.Criteria.Select(c => new Reduction(c))) is { } criterion) _way = criterion;
        if (Available <= 0 || MostAccurate(run.Options.Factorizations.Select(f => new Reduction(f, IsRanks: true))) is not { } ranks) return;
        run.Try(ranks.Name(OneShot), () =>
        {
            if (Activations(Reduced(ranks, run.Simple, OneShot)) > MostActivations * Activations(run.Simple)) return;
            var channels = LookAt(_way, OneShot).Drop;
            if (channels > run.Options.MaxDrop && LookAt(ranks, OneShot).Drop < channels - LookNoise) _way = ranks;
        });
    }

    private static long Activations(Graph graph) => graph.WithBatch(1).Nodes.Sum(n => n.Outputs.Sum(o => (long)o.Shape.Count));

    private Reduction? MostAccurate(IEnumerable<Reduction> ways)
    {
        var (best, most) = ((Reduction?)null, double.NegativeInfinity);
        foreach (var way in ways)
        {
            run.Context.Report($"trying {way.Method}");
            try
            {
                var reduced = Reduced(way, run.Simple, OneShot);
                if (ChannelSelection.Macs(reduced) >= (OneShot + 0.15) * ChannelSelection.Macs(run.Simple)) continue;
                if (Accuracy(reduced) is var accuracy && accuracy > most) (best, most) = (way, accuracy);
            }
            catch (NabiException)
            {
                // It does not apply to this network, or cannot make it as small: not a way.
            }
        }
        return best;
    }
}
