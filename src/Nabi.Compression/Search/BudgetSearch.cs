using Nabi.Compression.Pruning;
using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;
using Nabi.Passes;

namespace Nabi.Compression.Search;

/// <summary>
/// Looks for the smallest and fastest form of a network within a loss of accuracy and a time: int8 without training first, then channels are removed, or ranks lowered, with
/// distilled training between (<see cref="Descent"/>), then single weights, each result also as int8, then bits of layers; what came close is trained on while there is time.
/// Everything finished is kept on disk and returned, whatever happens afterwards.
/// </summary>
public sealed class BudgetSearch
{
    // Training that begins with less than this many epochs ahead of it is not begun.
    private const int FewestEpochs = 1;

    private static readonly double[] Sparsities = [0.5, 0.7, 0.85], AverageBits = [6, 5];

    private readonly SearchRun _run;

    private BudgetSearch(SearchRun run) => _run = run;

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
        var simple = original.Through([.. Simplification.Standard]);
        return new BudgetSearch(new SearchRun(original, simple, context with { Teacher = context.Teacher ?? original }, options, store)).Run();
    }

    private BudgetResult Run()
    {
        var given = _run.Context;
        _run.MeasureBaseline();
        // Seconds at most, and the least that a search should give: the time does not end it.
        Candidate? int8 = null;
        var unchanged = new Candidate(_run.Baseline, _run.Simple, Recipe.Create("search"));
        try
        {
            _run.Try("int8", () => int8 = _run.Integer("int8", unchanged));
            if (given.Training is null || _run.Left <= TimeSpan.Zero) return _run.Finish(given.Cancellation);
            using var timer = new CancellationTokenSource(_run.Left, given.Clock);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, given.Cancellation);
            _run.Context = given with { Cancellation = both.Token };
            _run.Tuning = Invariances.Of(_run.Tuning, _run.Original, _run.Context);
            TeachWith(int8);
            var descent = new Descent(_run);
            descent.Descend();
            FewerBits(Thin(descent.Best ?? unchanged));
            if (descent.Nearest is { } nearest) TrainOn(nearest);
        }
        catch (OperationCanceledException)
        {
            // The time is over or the user has had enough: what is finished counts.
        }
        return _run.Finish(given.Cancellation);
    }

    // A teacher that is asked in every step costs as much as the student: in integers it says nearly the same for less.
    private void TeachWith(Candidate? int8)
    {
        if (int8 is null || (_run.Tuning.Crop == 0 && !_run.Tuning.Flip) || !ReferenceEquals(_run.Context.Teacher, _run.Original)) return;
        if (int8.Variant.ValidationAccuracy >= _run.Baseline.ValidationAccuracy - 0.003) _run.Context = _run.Context with { Teacher = int8.Graph };
    }

    // Zeros among the weights that are left: they cost no bytes. The most that is within the drop.
    private Candidate Thin(Candidate source)
    {
        var (dense, best) = (source.Variant.Name, source);
        foreach (var sparsity in Sparsities)
        {
            if (_run.EpochSeconds(source.Graph) * FewestEpochs > _run.Left.TotalSeconds) return best;
            var name = $"{dense}-sparse{sparsity * 100:0}";
            Candidate? thinned = null;
            _run.Try(name, () =>
            {
                var epochs = _run.EpochsIn(source.Graph, 0.3 * _run.Left.TotalSeconds);
                source = _run.Make(name, source.Graph, source.Recipe, () => [new PruneGradually
                {
                    Sparsity = sparsity, Epochs = epochs, Rate = _run.Tuning.Rate / 2, Alpha = _run.Tuning.Alpha, Crop = _run.Tuning.Crop, Flip = _run.Tuning.Flip,
                }]);
                thinned = _run.Integer($"{name}-int8", source);
            });
            if (thinned is null || !_run.IsWithinDrop(thinned.Variant)) return best;
            best = source;
        }
        return best;
    }

    // What lost a little too much may only have been trained too briefly.
    private void TrainOn(Candidate candidate)
    {
        var first = candidate.Variant.Name;
        for (var round = 1; round <= _run.Options.MaxCandidates; round++)
        {
            Candidate? longer = null;
            _run.Try($"{first}, longer", () =>
            {
                longer = _run.Longer(candidate, first, round, 0.7 * _run.Left.TotalSeconds);
                if (longer is not null) _run.Integer($"{longer.Variant.Name}-int8", longer);
            });
            if (longer is null || longer.Variant.ValidationAccuracy <= candidate.Variant.ValidationAccuracy) return;
            candidate = longer;
        }
    }

    // Four bits instead of eight for the weights of the layers that mind it least.
    private void FewerBits(Candidate source)
    {
        foreach (var bits in AverageBits)
        {
            var name = $"{source.Variant.Name}-bits{bits * 10:0}";
            Candidate? mixed = null;
            _run.Try(name, () => mixed = _run.Make(name, source.Graph, source.Recipe, () => [new MixedPrecision { AverageBits = bits, Observer = _run.Options.Observer }]));
            if (mixed is null || !_run.IsWithinDrop(mixed.Variant)) return;
        }
    }
}
