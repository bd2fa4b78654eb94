namespace Nabi;

/// <summary>Checks that a graph is well formed; runs between passes and after loading a file.</summary>
public static class Verifier
{
    /// <summary>The first fault as a sentence, or null when there is none.</summary>
    public static string? FirstFault(Graph graph)
    {
        var defined = new HashSet<Value>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var value in graph.Inputs.Concat(graph.Parameters))
        {
            if (!names.Add(value.Name)) return $"Two values are named '{value.Name}'.";
            defined.Add(value);
            if (value.Data is { } data && data.Type != value.Type) return $"Parameter '{value.Name}' is declared {value.Type} but holds {data.Type}.";
        }
        foreach (var node in graph.Nodes)
        {
            foreach (var input in node.Inputs)
                if (input is not null && !defined.Contains(input)) return $"Node '{node.Name}' reads '{input.Name}' before it is made.";
            foreach (var output in node.Outputs)
            {
                if (output.Producer != node) return $"Output '{output.Name}' does not know its node '{node.Name}'.";
                if (!names.Add(output.Name)) return $"Two values are named '{output.Name}'.";
                defined.Add(output);
            }
        }
        foreach (var output in graph.Outputs)
            if (!defined.Contains(output.Value)) return $"Output '{output.Name}' is not made by any node.";
        foreach (var update in graph.Updates)
        {
            if (!defined.Contains(update.Parameter) || !defined.Contains(update.Value)) return $"The update of '{update.Parameter.Name}' names a value outside the graph.";
            if (update.Parameter.Type != update.Value.Type) return $"The update of '{update.Parameter.Name}' changes its type.";
        }
        return null;
    }
}
