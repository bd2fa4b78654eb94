using Nabi.Passes;

namespace Nabi.Compression.Recipes;

/// <summary>A named list of compression steps, written in C# or YAML (<see cref="RecipeFile"/>).</summary>
public sealed record Recipe
{
    private Recipe(string name, string description, IReadOnlyList<CompressionStep> steps) => (Name, Description, Steps) = (name, description, steps);

    /// <summary>Its name.</summary>
    public string Name { get; init; }

    /// <summary>What it is good for, in a sentence.</summary>
    public string Description { get; init; }

    /// <summary>The steps in order.</summary>
    public IReadOnlyList<CompressionStep> Steps { get; }

    /// <summary>Does a step train?</summary>
    public bool Trains => Steps.Any(s => s.Trains);

    /// <summary>An empty recipe, to which steps are added.</summary>
    public static Recipe Create(string name, string description = "") => new(name, description, []);

    /// <summary>The recipe with one more step at its end.</summary>
    /// <exception cref="NabiException">The step's settings are out of range.</exception>
    public Recipe Then(CompressionStep step) => step.Fault is { } fault
        ? throw new NabiException($"Recipe '{Name}', step {Steps.Count + 1} ({step.Name}): {fault}.")
        : new Recipe(Name, Description, [.. Steps, step]);

    /// <summary>
    /// Runs the steps on the simplified graph: exported networks are full of shape arithmetic and identities that hide what belongs together. Each
    /// step adds a line to the graph's provenance.
    /// </summary>
    /// <exception cref="NabiException">A step failed; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The context was cancelled.</exception>
    public Graph Run(Graph graph, CompressionContext context)
    {
        graph = graph.Through([.. Simplification.Standard]);
        for (var i = 0; i < Steps.Count; i++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            var at = context.At(Name, i + 1, Steps.Count);
            at.Report(Steps[i].Name);
            try
            {
                graph = new Pass(Steps[i].Name, g => Steps[i].Apply(g, at)).Apply(graph);
            }
            catch (NabiException e)
            {
                throw new NabiException($"Recipe '{Name}', step {i + 1} ({Steps[i].Name}): {e.Message}", e);
            }
            graph = WithProvenance(graph, RecipeFile.StepText(Steps[i]));
        }
        return graph;
    }

    /// <summary>The recipe as YAML.</summary>
    public override string ToString() => RecipeFile.Text(this);

    private static Graph WithProvenance(Graph graph, string line)
    {
        var before = graph.Metadata.GetValueOrDefault(MetadataKeys.Provenance);
        return graph.WithMetadata(graph.Metadata.SetItem(MetadataKeys.Provenance, string.IsNullOrEmpty(before) ? line : $"{before}\n{line}"));
    }
}
