using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// Trades time for memory: the forward pass keeps what crosses the borders of about sqrt(n) segments, and the backward pass computes the rest of a
/// segment again when it reaches it. Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", section 4.1 and algorithm 1: memory of the
/// activations falls from n layers to about sqrt(n), for at most one more forward pass.
/// </summary>
/// <remarks>
/// <para>The segments hold equal shares of the activations' bytes, cut where the least crosses the border. The last one is not computed again: the
/// backward pass begins with it. What chance decides (dropout) is kept, so that both passes see the same.</para>
/// <para>It is a change of the graph like any other; the same numbers are computed by the same operators, so that losses and gradients are equal up to
/// the rounding of what the plan fuses differently.</para>
/// </remarks>
internal static class Recomputation
{
    /// <summary>The step with recomputation.</summary>
    /// <param name="step">A training step: forward is what its outputs depend on, backward is the rest.</param>
    public static Graph Of(Graph step)
    {
        var forward = Forward(step);
        var segments = Segments(step, forward);
        var last = segments.Count == 0 ? 0 : segments.Values.Max();
        if (last == 0) return step;
        var kept = ToKeep(step, segments, last);
        var rewriter = new Rewriter(step);
        var again = new Dictionary<Value, Value>();
        var barriers = new Dictionary<Value, Value>();
        foreach (var node in step.Nodes)
        {
            if (forward.Contains(node) || !node.Inputs.Any(IsLost))
            {
                rewriter.Visit(node, null);
                continue;
            }
            var inputs = node.Inputs.Select(v => IsLost(v) ? Again(v!) : rewriter.Map(v)).ToArray();
            rewriter.Visit(node, rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs, [.. node.Outputs.Select(o => o.Name)]));
        }
        return rewriter.Finish();

        bool IsLost(Value? value) => value?.Producer is { } producer && forward.Contains(producer) && !kept.Contains(value);

        // The value once more, with what it needs of its segment. Explicit stack: a segment can be a long chain.
        Value Again(Value wanted)
        {
            var pending = new Stack<Node>([wanted.Producer!]);
            while (pending.TryPeek(out var node))
            {
                var missing = node.Inputs.Where(v => IsLost(v) && !again.ContainsKey(v!)).Select(v => v!.Producer!).ToArray();
                foreach (var producer in missing) pending.Push(producer);
                if (missing.Length > 0) continue;
                pending.Pop();
                if (again.ContainsKey(node.Outputs[0])) continue;
                var inputs = node.Inputs.Select(v => IsLost(v) ? again[v!] : Kept(v)).ToArray();
                var outputs = rewriter.Builder.ApplyNamed(node.Op, $"{node.Name}.again", node.Outputs.Count, inputs);
                for (var i = 0; i < outputs.Count; i++) again[node.Outputs[i]] = outputs[i];
            }
            return again[wanted];
        }

        // What a segment begins with: behind a barrier, so that its nodes are not merged with those of the forward pass.
        Value? Kept(Value? value) => value is null or { Data: not null } ? rewriter.Map(value)
            : barriers.TryGetValue(value, out var barrier) ? barrier : barriers[value] = rewriter.Builder.Apply(new OptimizationBarrier(), rewriter[value]);
    }

    private static HashSet<Node> Forward(Graph step)
    {
        var forward = new HashSet<Node>();
        var wanted = step.Outputs.Select(o => o.Value).ToHashSet();
        foreach (var node in step.Nodes.Reverse())
        {
            if (!node.Outputs.Any(wanted.Contains)) continue;
            forward.Add(node);
            foreach (var input in node.Inputs)
                if (input is not null) wanted.Add(input);
        }
        return forward;
    }

    // The segment of every forward node, from 0, in the order of the graph.
    private static Dictionary<Node, int> Segments(Graph step, HashSet<Node> forward)
    {
        var nodes = step.Nodes.Where(forward.Contains).ToArray();
        var crossing = Crossing(nodes);
        var before = new long[nodes.Length + 1];
        for (var i = 0; i < nodes.Length; i++) before[i + 1] = before[i] + nodes[i].Outputs.Sum(Bytes);
        var count = Math.Max(1, (int)Math.Sqrt(nodes.Length));
        var segments = new Dictionary<Node, int>();
        var (segment, border) = (0, 0);
        for (var i = 0; i < nodes.Length; i++)
        {
            if (i == border) border = segment + 1 < count ? NextBorder(i, segment) : nodes.Length;
            segments[nodes[i]] = segment;
            if (i + 1 == border) segment++;
        }
        return segments;

        // The place around (segment + 1) / count of the bytes, half a segment to each side, that the least crosses.
        int NextBorder(int start, int number)
        {
            var (low, high) = (before[^1] * (number + 0.5) / count, before[^1] * (number + 1.5) / count);
            var best = -1;
            for (var at = start + 1; at < nodes.Length; at++)
                if (before[at] >= low && before[at] <= high && (best < 0 || crossing[at] < crossing[best])) best = at;
            return best < 0 ? Math.Min(nodes.Length, start + 1 + ((nodes.Length - start) / (count - number))) : best;
        }
    }

    // Bytes that nodes from a place on read from nodes before it.
    private static long[] Crossing(Node[] nodes)
    {
        var index = new Dictionary<Node, int>();
        for (var i = 0; i < nodes.Length; i++) index[nodes[i]] = i;
        var change = new long[nodes.Length + 1];
        for (var i = 0; i < nodes.Length; i++)
        {
            foreach (var output in nodes[i].Outputs)
            {
                var last = output.Users.Aggregate(-1, (latest, u) => Math.Max(latest, index.GetValueOrDefault(u, -1)));
                if (last <= i) continue;
                change[i + 1] += Bytes(output);
                change[last + 1] -= Bytes(output);
            }
        }
        for (var i = 1; i < change.Length; i++) change[i] += change[i - 1];
        return change;
    }

    // What another segment of the forward pass reads, what cannot be computed again, and all of the last segment.
    private static HashSet<Value> ToKeep(Graph step, Dictionary<Node, int> segments, int last)
    {
        var kept = new HashSet<Value>();
        foreach (var node in step.Nodes)
        {
            if (!segments.TryGetValue(node, out var segment)) continue;
            foreach (var output in node.Outputs)
                if (segment == last || !node.Op.IsDeterministic || output.IsOutput || output.Users.Any(u => segments.GetValueOrDefault(u, segment) != segment))
                    kept.Add(output);
        }
        return kept;
    }

    private static long Bytes(Value value) => value.DType.Bytes(value.Shape.Count);
}
