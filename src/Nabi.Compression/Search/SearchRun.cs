using Nabi.Compression.Distillation;
using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;

namespace Nabi.Compression.Search;

/// <summary>What the parts of a budget search share: the original, the time that is left, what is finished, and how candidates are made and kept.</summary>
internal sealed class SearchRun
{
    private const int TrainedEpochs = 2;

    private readonly SearchState _state;
    private readonly VariantMeter _meter;
    private readonly IModelStore _store;
    private readonly long _start;
    private readonly Dictionary<long, double> _samplesPerSecond = [];

    public SearchRun(Graph original, Graph simple, CompressionContext context, BudgetOptions options, IModelStore store)
    {
        (Original, Simple, Context, Options, _store) = (original, simple, context, options, store);
        _state = SearchState.Open(options.Folder, SearchState.IdentityOf(original, context));
        _meter = new VariantMeter(context, store, options);
        _start = context.Clock.GetTimestamp();
        Tuning = options.FineTune;
    }

    /// <summary>The network as given.</summary>
    public Graph Original { get; }

    /// <summary>The network simplified, as recipes begin with.</summary>
    public Graph Simple { get; }

    /// <summary>Data, teacher, seed; ends when the time is over.</summary>
    public CompressionContext Context { get; set; }

    /// <summary>What it may cost.</summary>
    public BudgetOptions Options { get; }

    /// <summary>How candidates are trained, but for the epochs.</summary>
    public FineTune Tuning { get; set; }

    /// <summary>Why candidates failed.</summary>
    public List<string> Failures { get; } = [];

    /// <summary>The time that is left.</summary>
    public TimeSpan Left => Options.Time - Elapsed;

    /// <summary>The time it took so far.</summary>
    public TimeSpan Elapsed => Context.Clock.GetElapsedTime(_start);

    /// <summary>The original, measured.</summary>
    public Variant Baseline { get; private set; } = null!;

    /// <summary>Measures the original, unless an earlier search has.</summary>
    public void MeasureBaseline()
    {
        if (_state.Find("original") is { } known)
        {
            _meter.SetBaseline(Original);
            Baseline = known;
            return;
        }
        Context.Report("measuring the original");
        Baseline = Keep(_meter.Measure("original", Original, "", new CompressionNotes(), Context.Cancellation), Context.Clock.GetTimestamp());
    }

    /// <summary>Does something that may fail: the search goes on without it.</summary>
    public void Try(string what, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is NabiException or IOException)
        {
            Failures.Add($"{what}: {e.Message}");
        }
    }

    /// <summary>Is it within the allowed loss of accuracy, on the validation samples?</summary>
    public bool IsWithinDrop(Variant variant) => BudgetVerdict.IsWithinDrop(Baseline, variant, Options);

    /// <summary>Makes a candidate, measures and keeps it; one that an earlier search finished is read.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="from">What the steps begin with.</param>
    /// <param name="before">How that was made from the original.</param>
    /// <param name="steps">The steps; not asked for when the candidate is known.</param>
    /// <exception cref="NabiException">A step failed.</exception>
    /// <exception cref="OperationCanceledException">The time is over.</exception>
    public Candidate Make(string name, Graph from, Recipe before, Func<IReadOnlyList<CompressionStep>> steps)
    {
        if (_state.Find(name) is { } finished) return new Candidate(finished, finished.Graph ?? _store.Read(finished.Path), RecipeFile.Parse(finished.Recipe, name));
        var (notes, start) = (new CompressionNotes(), Context.Clock.GetTimestamp());
        var (recipe, all) = (Recipe.Create(name), before with { Name = name });
        foreach (var step in steps()) (recipe, all) = (recipe.Then(step), all.Then(step));
        var graph = recipe.Run(from, Context with { Notes = notes });
        if (notes.SamplesPerSecond is { } speed) _samplesPerSecond[Pruning.ChannelSelection.Macs(graph)] = speed;
        var variant = Keep(_meter.Measure(name, graph, all.ToString(), notes, Context.Cancellation), start);
        return new Candidate(variant, graph, all);
    }

    /// <summary>
    /// A float candidate in integers of eight bits: rounded after training, and trained with rounding too when that loses much and there is time. The better of the two.
    /// </summary>
    public Candidate Integer(string name, Candidate source)
    {
        var plain = Make(name, source.Graph, source.Recipe, () => [new QuantizeInt8 { Observer = Options.Observer }]);
        var lost = source.Variant.ValidationAccuracy - plain.Variant.ValidationAccuracy;
        if (lost <= Math.Max(0.002, Options.MaxDrop / 3) || Context.Training is null
            || EpochSeconds(source.Graph) * TrainedEpochs > Left.TotalSeconds / 3) return plain;
        var trained = Make($"{name}-trained", source.Graph, source.Recipe, () => [new TrainInt8 { Observer = Options.Observer, Epochs = TrainedEpochs, Rate = Tuning.Rate / 10, Alpha = Tuning.Alpha }]);
        return trained.Variant.ValidationAccuracy > plain.Variant.ValidationAccuracy ? trained : plain;
    }

    /// <summary>Trains a candidate further, named after what it was first; null when there is no time for it.</summary>
    /// <param name="candidate">The candidate.</param>
    /// <param name="first">The name of what it was before any further training.</param>
    /// <param name="round">How often it is trained further with this: the rate falls with it. From 1.</param>
    /// <param name="seconds">The time it may take.</param>
    public Candidate? Longer(Candidate candidate, string first, int round, double seconds) => seconds < EpochSeconds(candidate.Graph) ? null
        : Make($"{first}-longer{(round == 1 ? "" : round)}", candidate.Graph, candidate.Recipe,
            () => [Tuning with { Epochs = EpochsIn(candidate.Graph, seconds), Rate = Tuning.Rate / (round + 1) }]);

    /// <summary>Epochs of training that fit into a part of the time that is left, 1 at least.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="seconds">The time.</param>
    public int EpochsIn(Graph graph, double seconds) => Math.Clamp((int)(seconds / Math.Max(1e-3, EpochSeconds(graph))), 1, Options.MaxEpochs);

    /// <summary>Seconds of one epoch, from the speed of a network of about the same size, else measured.</summary>
    public double EpochSeconds(Graph graph)
    {
        var macs = Pruning.ChannelSelection.Macs(graph);
        var known = _samplesPerSecond.Where(k => k.Key <= 1.5 * macs && macs <= 1.5 * k.Key).Select(k => k.Value).DefaultIfEmpty(0).First();
        if (known == 0) _samplesPerSecond[macs] = known = Probe(graph);
        return Context.TrainingData.Count / Math.Max(1, known);
    }

    /// <summary>All finished variants, latencies measured in turn, and the verdict.</summary>
    public BudgetResult Finish(CancellationToken cancelled)
    {
        var variants = _state.Variants.Where(v => File.Exists(v.Path)).Select(v => v.Graph is null ? v with { Graph = _store.Read(v.Path) } : v).ToArray();
        Try("latencies in turn", () => variants = [.. _meter.InTurn(variants)]);
        return BudgetVerdict.Of(Baseline, variants, Options, Failures, Context with { Cancellation = cancelled }, Elapsed.TotalSeconds);
    }

    private Variant Keep(Variant variant, long start)
    {
        variant = variant with { Seconds = Context.Clock.GetElapsedTime(start).TotalSeconds };
        _state.Add(variant);
        return variant;
    }

    // A few batches of training, the first few of which pay for compiling.
    private double Probe(Graph graph)
    {
        Context.Report("measuring training speed");
        var notes = new CompressionNotes();
        (Tuning with { Epochs = 1 }).Train(graph, Context with { Training = Context.TrainingData.Take(Context.BatchSize * 12), Notes = notes, Progress = null }, trainStatistics: true);
        return notes.SamplesPerSecond ?? 1;
    }
}

/// <summary>A finished candidate.</summary>
/// <param name="Variant">As measured.</param>
/// <param name="Graph">The network.</param>
/// <param name="Recipe">How it was made from the original.</param>
internal sealed record Candidate(Variant Variant, Graph Graph, Recipe Recipe);
