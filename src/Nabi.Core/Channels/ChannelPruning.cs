namespace Nabi;

/// <summary>Removes channels: the result is a really smaller graph.</summary>
public static class ChannelPruning
{
    /// <summary>
    /// Removes channels of dependency groups: slices parameters and constants, adapts group counts, reshape targets, pads and the
    /// like. The result computes what <paramref name="groups"/>' graph computes when the removed channels' parameters are zero.
    /// </summary>
    /// <param name="groups">The groups of the graph.</param>
    /// <param name="removed">Channels to remove by group index; channels count from 0 within the group.</param>
    /// <exception cref="NabiException">All channels of a group would go, or there is no such group or channel.</exception>
    public static Graph Prune(this ChannelGroups groups, IReadOnlyDictionary<int, IReadOnlyCollection<int>> removed)
    {
        var kept = KeptElements(groups, removed);
        return WithElements(groups.Graph, kept, p => Sliced(p, kept));
    }

    /// <summary>The graph with other elements along some axes: those listed, ascending; an element listed twice is there twice.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="kept">The elements by axis, of every value that the change concerns.</param>
    /// <param name="parameter">The new tensor of a parameter.</param>
    internal static Graph WithElements(Graph graph, Dictionary<ValueAxis, int[]> kept, Func<Value, Tensor> parameter)
    {
        var rewriter = new Rewriter(graph, parameter: parameter);
        foreach (var node in graph.Nodes) rewriter.Visit(node, Narrowed(node, rewriter, kept));
        return rewriter.Finish();
    }

    /// <summary>
    /// The same graph with the removed channels' trainable parameters set to zero and nothing made smaller: what pruning is compared with,
    /// and what sparse training starts from.
    /// </summary>
    /// <inheritdoc cref="Prune"/>
    public static Graph Mask(this ChannelGroups groups, IReadOnlyDictionary<int, IReadOnlyCollection<int>> removed)
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (index, channels) in removed)
        {
            foreach (var slice in Group(groups, index).Parameters.Where(p => p.At.Value.IsTrainable))
            {
                var name = slice.At.Value.Name;
                if (!tensors.TryGetValue(name, out var tensor)) tensors[name] = tensor = slice.At.Value.Data!.Copy();
                foreach (var channel in channels)
                    foreach (var element in slice.Elements[channel]) tensor.ClearSlice(slice.At.Axis, element);
            }
        }
        return groups.Graph.WithParameters(tensors);
    }

    private static Dictionary<ValueAxis, int[]> KeptElements(ChannelGroups groups, IReadOnlyDictionary<int, IReadOnlyCollection<int>> removed)
    {
        var gone = new Dictionary<ValueAxis, bool[]>();
        foreach (var (index, channels) in removed)
        {
            var group = Group(groups, index);
            if (channels.Count == 0) continue;
            if (channels.Any(c => c < 0 || c >= group.Count))
                throw new NabiException($"Channel group {index} ('{group.Name}') has channels 0 to {group.Count - 1}.");
            if (channels.Distinct().Count() == group.Count)
                throw new NabiException($"All {group.Count} channels of group {index} ('{group.Name}') would be removed; keep at least one.");
            foreach (var slice in group.Parameters.Concat(group.Activations))
            {
                if (!gone.TryGetValue(slice.At, out var flags)) gone[slice.At] = flags = new bool[slice.At.Size];
                foreach (var channel in channels)
                    foreach (var element in slice.Elements[channel]) flags[element] = true;
            }
        }
        return gone.ToDictionary(g => g.Key, g => Enumerable.Range(0, g.Value.Length).Where(i => !g.Value[i]).ToArray());
    }

    internal static ChannelGroup Group(ChannelGroups groups, int index) => index >= 0 && index < groups.Count
        ? groups[index]
        : throw new NabiException($"There is no channel group {index}; graph '{groups.Graph.Name}' has {groups.Count}.");

    /// <summary>A parameter's elements along its axes.</summary>
    internal static Tensor Sliced(Value parameter, Dictionary<ValueAxis, int[]> kept)
    {
        var tensor = parameter.Data!;
        for (var axis = 0; axis < parameter.Shape.Rank; axis++)
            if (kept.TryGetValue(new ValueAxis(parameter, axis), out var indices)) tensor = tensor.Take(axis, indices);
        return tensor;
    }

    private static IReadOnlyList<Value>? Narrowed(Node node, Rewriter rewriter, Dictionary<ValueAxis, int[]> kept)
    {
        if (!node.Inputs.Concat(node.Outputs).Any(v => v is { Shape.IsRanked: true } && Axes(v).Any(kept.ContainsKey))) return null;
        var context = new NarrowContext(node, kept);
        var op = node.Op.Narrow(context);
        var inputs = node.Inputs.Select(rewriter.Map).ToList();
        foreach (var (index, constant) in context.Constants)
        {
            while (inputs.Count <= index) inputs.Add(null);
            inputs[index] = rewriter.Builder.Constant(constant, "channels");
        }
        var outputs = rewriter.Builder.ApplyNamed(op, node.Name, node.Outputs.Count, [.. inputs], [.. node.Outputs.Select(o => o.Name)]);
        for (var i = 0; i < outputs.Count; i++) CheckShape(node, node.Outputs[i], outputs[i], kept);
        return outputs;
    }

    private static void CheckShape(Node node, Value old, Value made, Dictionary<ValueAxis, int[]> kept)
    {
        if (!old.Shape.IsRanked || !made.Shape.IsRanked) return;
        foreach (var at in Axes(old))
        {
            var expected = kept.TryGetValue(at, out var indices) ? indices.Length : at.Size;
            if (made.Shape.Rank != old.Shape.Rank || made.Shape[at.Axis] != expected)
                throw new NabiException($"Node '{node.Name}' ({node.Op.Name}) has shape {made.Shape} after pruning where axis {at.Axis} should keep {expected}; its operator's Couple and Narrow disagree.");
        }
    }

    private static IEnumerable<ValueAxis> Axes(Value value) => Enumerable.Range(0, value.Shape.Rank).Select(axis => new ValueAxis(value, axis));
}
