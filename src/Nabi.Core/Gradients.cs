namespace Nabi;

/// <summary>
/// Reverse-mode differentiation. The result is more nodes in the same builder, so it can be differentiated again
/// (Hessian-vector products), optimised and run like any other graph.
/// </summary>
public static class Gradients
{
    /// <summary>Adds the gradients of <paramref name="of"/> with respect to <paramref name="withRespectTo"/>.</summary>
    /// <param name="builder">The builder that holds all these values.</param>
    /// <param name="of">What is differentiated: a scalar, or any value together with <paramref name="seed"/>.</param>
    /// <param name="withRespectTo">Floating-point values.</param>
    /// <param name="seed">The gradient that flows into <paramref name="of"/>; ones when not given.</param>
    /// <returns>One gradient per value, of the value's shape; zeros where nothing flows.</returns>
    /// <exception cref="NabiException">The path goes through an operator without a gradient.</exception>
    public static IReadOnlyList<Value> Add(GraphBuilder builder, Value of, IReadOnlyList<Value> withRespectTo, Value? seed = null)
    {
        var gradients = Through(builder, [(of, seed ?? builder.OnesLike(of))], withRespectTo);
        return [.. withRespectTo.Select((v, i) => gradients[i] ?? builder.ZerosLike(v))];
    }

    /// <summary>The gradients that flow from several values, each with its seed; null where nothing flows.</summary>
    internal static IReadOnlyList<Value?> Through(GraphBuilder builder, IReadOnlyList<(Value Of, Value Seed)> seeds, IReadOnlyList<Value> withRespectTo)
    {
        var needed = Depending(builder, withRespectTo);
        var gradients = new Dictionary<Value, Value>();
        foreach (var (of, seed) in seeds) gradients[of] = gradients.TryGetValue(of, out var sum) ? builder.Add(sum, seed) : seed;
        var nodes = builder.Nodes.ToArray();
        for (var i = nodes.Length - 1; i >= 0; i--)
        {
            var node = nodes[i];
            if (!needed.Contains(node) || !node.Outputs.Any(gradients.ContainsKey)) continue;
            var incoming = node.Outputs.Select(o => gradients.GetValueOrDefault(o)).ToArray();
            var outgoing = node.Op.Gradient(new GradientContext(builder, node, incoming));
            for (var j = 0; j < outgoing.Count; j++)
            {
                if (outgoing[j] is not { } gradient || node.Inputs[j] is not { } input) continue;
                gradients[input] = gradients.TryGetValue(input, out var sum) ? builder.Add(sum, gradient) : gradient;
            }
        }
        return [.. withRespectTo.Select(v => gradients.GetValueOrDefault(v))];
    }

    // The nodes through which the values can influence anything: only their gradients are asked for.
    private static HashSet<Node> Depending(GraphBuilder builder, IReadOnlyList<Value> values)
    {
        var reached = new HashSet<Value>(values);
        var nodes = new HashSet<Node>();
        foreach (var node in builder.Nodes)
        {
            if (!node.Inputs.Any(v => v is not null && reached.Contains(v))) continue;
            nodes.Add(node);
            foreach (var output in node.Outputs)
                if (output.DType.IsFloat()) reached.Add(output);
        }
        return nodes;
    }
}
