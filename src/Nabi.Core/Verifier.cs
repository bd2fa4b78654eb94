using System.Globalization;

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

    /// <summary>
    /// The first parameter with something that is not a number, or a learned one with something infinite, as a sentence; null when there is none.
    /// Such a graph is well formed, but training, measuring or compressing it would give nonsense. Constants may be infinite: masks are.
    /// </summary>
    public static string? FirstNonFinite(Graph graph)
    {
        foreach (var parameter in graph.Parameters)
        {
            if (!parameter.DType.IsFloat()) continue;
            var values = parameter.Data!.Cast(DType.Float32).Span<float>();
            var at = parameter.IsTrainable ? IndexOfNonFinite(values) : IndexOfNaN(values);
            if (at < 0) continue;
            var readers = parameter.Users.Count > 0 ? $" of node '{parameter.Users[0].Name}'" : "";
            return $"Model '{graph.Name}' is damaged: parameter '{parameter.Name}'{readers} holds {values[at].ToString(CultureInfo.InvariantCulture)} at element {at}; "
                + "train or export the model again.";
        }
        return null;
    }

    private static int IndexOfNaN(ReadOnlySpan<float> values)
    {
        for (var i = 0; i < values.Length; i++)
            if (float.IsNaN(values[i])) return i;
        return -1;
    }

    private static int IndexOfNonFinite(ReadOnlySpan<float> values)
    {
        for (var i = 0; i < values.Length; i++)
            if (!float.IsFinite(values[i])) return i;
        return -1;
    }
}
