using Nabi.Compression.Recipes;

namespace Nabi.Compression.Search;

/// <summary>Runs one recipe and measures what it made beside the original: what a search does, for a single candidate.</summary>
public static class RecipeRun
{
    /// <summary>Runs a recipe. The result has two variants, the original and the recipe's; the latter is recommended when it stays within
    /// the drop.</summary>
    /// <param name="original">The network; a float graph.</param>
    /// <param name="recipe">The recipe.</param>
    /// <param name="context">Data, teacher (the original when not given), seed, clock, progress and cancellation.</param>
    /// <param name="options">The drop, limits, folder and latency runs; the rest is not used.</param>
    /// <param name="store">Writes and reads model files.</param>
    /// <exception cref="NabiException">A step failed; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The context was cancelled.</exception>
    public static BudgetResult Run(Graph original, Recipe recipe, CompressionContext context, BudgetOptions options, IModelStore store)
    {
        Directory.CreateDirectory(options.Folder);
        context = context with { Teacher = context.Teacher ?? original };
        var start = context.Clock.GetTimestamp();
        var meter = new VariantMeter(context, store, options);
        var baseline = meter.Measure("original", original, "", new CompressionNotes(), context.Cancellation);
        var graph = recipe.Run(original, context);
        var made = meter.Measure(recipe.Name, graph, recipe.ToString(), context.Notes, context.Cancellation)
            with { Seconds = context.Clock.GetElapsedTime(start).TotalSeconds };
        return BudgetVerdict.Of(baseline, meter.InTurn([baseline, made]), options, [], context, context.Clock.GetElapsedTime(start).TotalSeconds);
    }
}
