namespace Nabi;

/// <summary>Runs a graph node by node with the operators' reference evaluation: slow, plain, the truth.</summary>
public static class ReferenceEvaluator
{
    /// <summary>Runs the graph once. Updates are applied to the parameters' tensors at the end.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="inputs">A tensor for every input, by name.</param>
    /// <param name="rng">Chance for operators that need it; seed 0 when not given.</param>
    /// <returns>The outputs by name.</returns>
    /// <exception cref="NabiException">An input is missing or does not fit.</exception>
    public static IReadOnlyDictionary<string, Tensor> Run(Graph graph, IReadOnlyDictionary<string, Tensor> inputs, Rng? rng = null)
    {
        rng ??= new Rng(0);
        var values = Bind(graph, inputs);
        foreach (var node in graph.Nodes)
        {
            var outputs = Evaluate(node, [.. node.Inputs.Select(v => v is null ? null : values[v])], rng);
            for (var i = 0; i < node.Outputs.Count; i++) values[node.Outputs[i]] = outputs[i];
        }
        var results = graph.Outputs.ToDictionary(o => o.Name, o => values[o.Value], StringComparer.Ordinal);
        foreach (var update in graph.Updates.Select(u => (u.Parameter, Tensor: values[u.Value].Copy())).ToArray())
            update.Tensor.Bytes.CopyTo(update.Parameter.Data!.Bytes);
        return results;
    }

    /// <summary>Evaluates one node.</summary>
    /// <exception cref="NabiException">The inputs do not fit; the message names the node.</exception>
    public static IReadOnlyList<Tensor> Evaluate(Node node, IReadOnlyList<Tensor?> inputs, Rng rng)
    {
        try
        {
            return node.Op.Evaluate(new EvalContext(inputs, node.Outputs.Count, rng));
        }
        catch (NabiException e) when (!e.Message.StartsWith("Node '", StringComparison.Ordinal))
        {
            throw new NabiException($"Node '{node.Name}' ({node.Op.Name}): {e.Message}", e);
        }
    }

    private static Dictionary<Value, Tensor> Bind(Graph graph, IReadOnlyDictionary<string, Tensor> inputs)
    {
        var values = new Dictionary<Value, Tensor>();
        foreach (var input in graph.Inputs)
        {
            if (!inputs.TryGetValue(input.Name, out var tensor))
                throw new NabiException($"Input '{input.Name}' of graph '{graph.Name}' was not given; it is {input.Type}.");
            if (tensor.DType != input.DType || !input.Shape.Accepts(tensor.Shape))
                throw new NabiException($"Input '{input.Name}' of graph '{graph.Name}' is {input.Type}, but {tensor.Type} was given.");
            values[input] = tensor;
        }
        foreach (var p in graph.Parameters) values[p] = p.Data!;
        return values;
    }
}
