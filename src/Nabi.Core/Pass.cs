namespace Nabi;

/// <summary>A pure function from graph to graph with a label for the log. The result is verified.</summary>
/// <param name="Label">What it does, as a verb phrase: <c>fold batch normalization</c>.</param>
/// <param name="Run">The function.</param>
public sealed record Pass(string Label, Func<Graph, Graph> Run)
{
    /// <summary>Runs the pass and verifies its result.</summary>
    /// <exception cref="NabiException">The pass made a graph that is not well formed.</exception>
    public Graph Apply(Graph graph)
    {
        var result = Run(graph);
        if (Verifier.FirstFault(result) is { } fault)
            throw new NabiException($"The pass '{Label}' made a broken graph: {fault}");
        return result;
    }
}
