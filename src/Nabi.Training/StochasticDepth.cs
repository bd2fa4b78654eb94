using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// Stochastic depth: Huang et al. 2016, "Deep Networks with Stochastic Depth", section 3: in training every residual branch is left out at random, sample by sample,
/// and scaled by the inverse of its chance otherwise; the rate rises linearly with depth to that of the last branch (eq. 4). Residual branches are found in the graph:
/// additions where one operand is computed from the other.
/// </summary>
internal static class StochasticDepth
{
    /// <summary>The branches of a model by the addition that ends them: which input is the branch, and how often it is left out.</summary>
    /// <param name="model">Any graph.</param>
    /// <param name="last">The rate of the last branch, in [0, 1).</param>
    public static IReadOnlyDictionary<Node, (int Input, double Rate)> Rates(Graph model, double last)
    {
        var order = new Dictionary<Node, int>();
        foreach (var node in model.Nodes) order[node] = order.Count;
        var found = new List<(Node Node, int Input)>();
        foreach (var node in model.Nodes)
        {
            if (node is not { Op: Add, Inputs: [{ } a, { } b] } || !a.Shape.Equals(b.Shape) || a.Shape.Rank < 2) continue;
            if (IsComputedFrom(b, a, order)) found.Add((node, 1));
            else if (IsComputedFrom(a, b, order)) found.Add((node, 0));
        }
        return found.Select((f, i) => (f.Node, Branch: (f.Input, last * (i + 1) / found.Count))).ToDictionary(f => f.Node, f => f.Branch);
    }

    /// <summary>The branch times 0 or 1 / (1 - rate), drawn for every sample [batch, ...] in each run.</summary>
    public static Value Drop(GraphBuilder b, Value branch, double rate)
    {
        var dims = Enumerable.Repeat(1, branch.Shape.Rank).ToArray();
        dims[0] = branch.Shape[0];
        var ones = b.Constant(Tensor.Full(Shape.Create(dims), 1f), "every_sample");
        var drawn = b.ApplyAll(new Dropout(), 2, ones, b.Constant(Tensor.Scalar((float)rate), "depth_rate"), b.Constant(Tensor.Scalar(true), "training"))[0];
        return b.Mul(branch, drawn);
    }

    // Backwards from the value, no farther than to the node that made the source.
    private static bool IsComputedFrom(Value value, Value source, Dictionary<Node, int> order)
    {
        var first = source.Producer is { } producer ? order[producer] : -1;
        if (source.Data is not null || value.Producer is null) return false;
        var (open, seen) = (new Stack<Node>([value.Producer]), new HashSet<Node>());
        while (open.TryPop(out var node))
        {
            foreach (var input in node.Inputs)
            {
                if (input == source) return true;
                if (input?.Producer is { } before && order[before] > first && seen.Add(before)) open.Push(before);
            }
        }
        return false;
    }
}
