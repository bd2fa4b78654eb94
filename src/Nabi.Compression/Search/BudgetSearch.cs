using Nabi.Compression.Pruning;
using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;
using Nabi.Passes;
using Nabi.Training;

namespace Nabi.Compression.Search;

/// <summary>
/// Looks for the smallest and fastest form of a network within a loss of accuracy and a time: int8 without training first, then
/// channels are removed step by step with distilled training between, each result also as int8. Everything finished is kept on disk and
/// returned, whatever happens afterwards.
/// </summary>
public sealed class BudgetSearch
{
    private const int SweepSamples = 1000;
    private const int MaxRefinements = 4;
    private const int TrainedEpochs = 2;
    private const int EpochsPerRung = 3;

    private readonly Graph _original;
    private readonly Graph _simple;
    private readonly CompressionContext _context;
    private readonly BudgetOptions _options;
    private readonly IModelStore _store;
    private readonly SearchState _state;
    private readonly VariantMeter _meter;
    private readonly long _start;
    private readonly List<string> _failures = [];
    private string _criterion = "l1";
    private double? _samplesPerSecond;

    private BudgetSearch(Graph original, CompressionContext context, BudgetOptions options, IModelStore store)
    {
        (_original, _simple, _options, _store) = (original, original.Through([.. Simplification.Standard]), options, store);
        _context = context with { Teacher = context.Teacher ?? original };
        _state = SearchState.Open(options.Folder, SearchState.IdentityOf(original, context));
        _meter = new VariantMeter(_context, store, options);
        _start = context.Clock.GetTimestamp();
    }

    /// <summary>Searches.</summary>
    /// <param name="original">The network; a float graph.</param>
    /// <param name="context">Data, teacher (the original when not given), seed, clock, progress and cancellation.</param>
    /// <param name="options">What it may cost.</param>
    /// <param name="store">Writes and reads model files.</param>
    /// <exception cref="NabiException">The options are not possible, or the original cannot be measured: then there is nothing to
    /// return.</exception>
    public static BudgetResult Run(Graph original, CompressionContext context, BudgetOptions options, IModelStore store)
    {
        if (options.Fault is { } fault) throw new NabiException(fault);
        return new BudgetSearch(original, context, options, store).Run();
    }

    private TimeSpan Left => _options.Time - _context.Clock.GetElapsedTime(_start);

    private BudgetResult Run()
    {
        var baseline = Baseline();
        using var timer = new CancellationTokenSource(Left > TimeSpan.Zero ? Left : TimeSpan.FromMilliseconds(1), _context.Clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, _context.Cancellation);
        var context = _context with { Cancellation = both.Token };
        try
        {
            // Seconds at most, and the least that a search should give: the time does not end it.
            Try("int8", () => Integer("int8", _simple, Recipe.Create("int8"), baseline, _context));
            if (_context.Training is not null && Left > TimeSpan.Zero) Ladder(baseline, context);
        }
        catch (OperationCanceledException)
        {
            // The time is over or the user has had enough: what is finished counts.
        }
        return Finish(baseline);
    }

    private Variant Baseline()
    {
        if (_state.Find("original") is { } known)
        {
            _meter.SetBaseline(_original);
            return known;
        }
        _context.Progress?.Report(new CompressionProgress("original", 1, 1, "measuring the original"));
        var measured = _meter.Measure("original", _original, "", new CompressionNotes(), _context.Cancellation);
        _state.Add(measured);
        return measured;
    }

    // From mild to strong, each from the one before; when one loses too much, between it and the last good one.
    private void Ladder(Variant baseline, CompressionContext context)
    {
        Try("criteria", () => ChooseCriterion(context));
        var (good, goodKeep) = (_simple, 1.0);
        var goodRecipe = Recipe.Create("search");
        double? badKeep = null;
        var rungs = Rungs(context);
        for (var (rung, refinements) = (0, 0); refinements <= MaxRefinements && Left > TimeSpan.Zero; rung++)
        {
            var isRefinement = badKeep is not null || rung >= rungs.Count;
            if (isRefinement && (badKeep is null || goodKeep - badKeep < 0.03 || ++refinements > MaxRefinements)) return;
            var keep = isRefinement ? Math.Round((goodKeep + badKeep!.Value) / 2, 2) : rungs[rung];
            var waiting = isRefinement ? MaxRefinements - refinements + 1 : rungs.Count - rung + 1;
            Graph? next = null;
            var nextRecipe = goodRecipe;
            var isGood = false;
            Try($"keep{keep * 100:0}", () =>
                (next, nextRecipe, isGood) = Rung(good, goodRecipe, keep / goodKeep, keep, waiting, baseline, context));
            if (next is null) return;
            if (isGood) (good, goodKeep, goodRecipe) = (next, keep, nextRecipe);
            else badKeep = keep;
        }
    }

    // As many as get a few epochs each: without time for all, the mildest goes first, then the strongest.
    private List<double> Rungs(CompressionContext context)
    {
        var rungs = _options.KeepMacs.OrderDescending().ToList();
        var affordable = Math.Max(1, (int)(Left.TotalSeconds / (EpochSeconds(_simple, context) * EpochsPerRung)));
        if (rungs.Count > affordable && rungs.Count > 1) rungs.RemoveAt(0);
        if (rungs.Count > affordable) rungs.RemoveRange(affordable, rungs.Count - affordable);
        return rungs;
    }

    private (Graph Graph, Recipe Recipe, bool IsGood) Rung(Graph from, Recipe recipe, double keepOfFrom, double keep, int waiting,
        Variant baseline, CompressionContext context)
    {
        var name = $"keep{keep * 100:0}";
        if (_state.Find(name) is { } finished)
        {
            var (read, made) = (_store.Read(finished.Path), RecipeFile.Parse(finished.Recipe, name));
            var integer = Integer($"{name}-int8", read, made, finished, context);
            return (read, made, IsWithinDrop(baseline, finished) || IsWithinDrop(baseline, integer));
        }
        var epochs = EpochsFor(from, keepOfFrom, waiting, context);
        var prune = new PruneChannels { Criterion = _criterion, KeepMacs = Math.Clamp(keepOfFrom, 0.01, 1), Multiple = _options.Multiple,
            MaxRatio = 0.9 };
        var tune = _options.FineTune with { Epochs = epochs };
        var steps = recipe.Then(prune).Then(tune) with { Name = name };
        var notes = new CompressionNotes();
        var start = _context.Clock.GetTimestamp();
        var graph = Recipe.Create(name).Then(prune).Then(tune).Run(from, context with { Notes = notes });
        _samplesPerSecond = notes.SamplesPerSecond ?? _samplesPerSecond;
        var variant = Keep(_meter.Measure(name, graph, steps.ToString(), notes, context.Cancellation), start);
        var int8 = Integer($"{name}-int8", graph, steps, variant, context);
        return (graph, steps, IsWithinDrop(baseline, variant) || IsWithinDrop(baseline, int8));
    }

    // Rounding without training; also with training when that loses much and there is time. The better of the two.
    private Variant Integer(string name, Graph graph, Recipe steps, Variant source, CompressionContext context)
    {
        var plain = _state.Find(name) ?? Quantized(name, new QuantizeInt8 { Observer = _options.Observer });
        var lost = source.ValidationAccuracy - plain.ValidationAccuracy;
        if (lost <= Math.Max(0.002, _options.MaxDrop / 3) || _context.Training is null
            || EpochSeconds(graph, context) * TrainedEpochs > Left.TotalSeconds / 3) return plain;
        var trained = _state.Find($"{name}-trained") ?? Quantized($"{name}-trained",
            new TrainInt8 { Observer = _options.Observer, Epochs = TrainedEpochs, Rate = _options.FineTune.Rate / 10,
                Alpha = _options.FineTune.Alpha });
        return trained.ValidationAccuracy > plain.ValidationAccuracy ? trained : plain;

        Variant Quantized(string variantName, CompressionStep step)
        {
            var notes = new CompressionNotes();
            var start = _context.Clock.GetTimestamp();
            var quantized = Recipe.Create(variantName).Then(step).Run(graph, context with { Notes = notes });
            return Keep(_meter.Measure(variantName, quantized, (steps.Then(step) with { Name = variantName }).ToString(), notes,
                context.Cancellation), start);
        }
    }

    private Variant Keep(Variant variant, long start)
    {
        variant = variant with { Seconds = _context.Clock.GetElapsedTime(start).TotalSeconds };
        _state.Add(variant);
        return variant;
    }

    // One-shot: which criterion leaves most accuracy at 60 % of the multiply-accumulates, without training.
    private void ChooseCriterion(CompressionContext context)
    {
        var sample = context.Validation.Take(SweepSamples);
        var best = double.NegativeInfinity;
        foreach (var criterion in _options.Criteria)
        {
            context.Report($"trying criterion {criterion}");
            Try($"criterion {criterion}", () =>
            {
                var pruned = new PruneChannels { Criterion = criterion, KeepMacs = 0.6, Multiple = _options.Multiple }.Apply(_simple, context
                    with { Notes = new CompressionNotes() });
                var accuracy = Evaluator.Evaluate(pruned, sample, cancellation: context.Cancellation).Accuracy;
                if (ChannelSelection.Macs(pruned) < 0.75 * ChannelSelection.Macs(_simple)
                    && accuracy > best) (best, _criterion) = (accuracy, criterion);
            });
        }
    }

    // The time left is shared by the rungs that wait; measured training speed says how many epochs fit.
    private int EpochsFor(Graph from, double keep, int waiting, CompressionContext context)
    {
        var seconds = EpochSeconds(from, context) * Math.Max(0.4, keep);
        var share = 0.85 * Left.TotalSeconds / waiting;
        return Math.Clamp((int)(share / Math.Max(1e-3, seconds)), 1, _options.MaxEpochs);
    }

    private double EpochSeconds(Graph graph, CompressionContext context) =>
        _context.TrainingData.Count / Math.Max(1, _samplesPerSecond ??= Probe(graph, context));

    // A few batches of training, the first few of which pay for compiling.
    private double Probe(Graph graph, CompressionContext context)
    {
        context.Report("measuring training speed");
        var notes = new CompressionNotes();
        var few = _context.TrainingData.Take(_context.BatchSize * 12);
        (_options.FineTune with { Epochs = 1 }).Train(graph,
            context with { Training = few, Notes = notes, Progress = null }, trainStatistics: true);
        return notes.SamplesPerSecond ?? 1;
    }

    private void Try(string what, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is NabiException or IOException)
        {
            _failures.Add($"{what}: {e.Message}");
        }
    }

    private bool IsWithinDrop(Variant baseline, Variant variant) => BudgetVerdict.IsWithinDrop(baseline, variant, _options);

    private BudgetResult Finish(Variant baseline)
    {
        var variants = _state.Variants.Where(v => File.Exists(v.Path)).Select(v => v.Graph is null ? v with { Graph = _store.Read(v.Path) }
            : v).ToArray();
        Try("latencies in turn", () => variants = [.. _meter.InTurn(variants)]);
        return BudgetVerdict.Of(baseline, variants, _options, _failures, _context, _context.Clock.GetElapsedTime(_start).TotalSeconds);
    }
}
