namespace Nabi;

/// <summary>Gives channels copies of themselves: the result is a wider graph that computes the same.</summary>
public static class ChannelWidening
{
    /// <summary>
    /// Copies channels of dependency groups and divides what reads them by the number of copies: Net2WiderNet, Chen, Goodfellow and Shlens 2016, "Net2Net", algorithm 1
    /// and equation 2, over whole groups, so that sums, depthwise convolutions and normalizations widen together. Copies stand next to their
    /// originals, which is the paper's random mapping but for the order.
    /// </summary>
    /// <remarks>
    /// The result computes what the graph computes where every reader of a channel multiplies it by weights and adds up, or treats it by itself. A product of two activations
    /// that is summed over channels (attention), or a mean over channels, is changed by copies; whoever widens such groups must compare.
    /// </remarks>
    /// <param name="groups">The groups of the graph.</param>
    /// <param name="copies">By group index, how often each channel of the group is there afterwards, at least once.</param>
    /// <exception cref="NabiException">There is no such group, or the numbers do not fit its channels.</exception>
    public static Graph Widen(this ChannelGroups groups, IReadOnlyDictionary<int, IReadOnlyList<int>> copies)
    {
        var owners = new Dictionary<ValueAxis, (int Channel, int Copies)[]>();
        var readers = new HashSet<ValueAxis>();
        var first = 0;
        foreach (var (index, counts) in copies)
        {
            var group = ChannelPruning.Group(groups, index);
            if (counts.Count != group.Count || counts.Any(n => n < 1))
                throw new NabiException($"Channel group {index} ('{group.Name}') has {group.Count} channels; say for each how often it is there, at least once.");
            foreach (var slice in group.Parameters.Concat(group.Activations))
            {
                if (!owners.TryGetValue(slice.At, out var elements))
                {
                    owners[slice.At] = elements = new (int, int)[slice.At.Size];
                    Array.Fill(elements, (-1, 1));
                }
                if (slice.Role == SliceRole.Input && slice.At.Value.Data is not null) readers.Add(slice.At);
                for (var channel = 0; channel < group.Count; channel++)
                    foreach (var element in slice.Elements[channel]) elements[element] = (first + channel, counts[channel]);
            }
            first += group.Count;
        }
        var taken = owners.ToDictionary(o => o.Key, o => Taken(o.Value));
        return ChannelPruning.WithElements(groups.Graph, taken, p => Widened(p, taken, owners, readers));
    }

    // Elements in order, each run of one channel's elements as often as the channel is there: blocks stay blocks.
    private static int[] Taken((int Channel, int Copies)[] elements)
    {
        var taken = new List<int>();
        for (int start = 0, end; start < elements.Length; start = end)
        {
            end = start + 1;
            while (end < elements.Length && elements[start].Channel >= 0 && elements[end].Channel == elements[start].Channel) end++;
            for (var copy = 0; copy < elements[start].Copies; copy++) taken.AddRange(Enumerable.Range(start, end - start));
        }
        return [.. taken];
    }

    private static Tensor Widened(Value parameter, Dictionary<ValueAxis, int[]> taken, Dictionary<ValueAxis, (int Channel, int Copies)[]> owners, HashSet<ValueAxis> readers)
    {
        var tensor = ChannelPruning.Sliced(parameter, taken);
        for (var axis = 0; axis < parameter.Shape.Rank; axis++)
        {
            var at = new ValueAxis(parameter, axis);
            if (!readers.Contains(at)) continue;
            var numbers = tensor.Cast(DType.Float64).Copy();
            var span = numbers.Span<double>();
            var (elements, inner) = (owners[at], tensor.Shape.CountOf(axis + 1, tensor.Shape.Rank));
            for (var i = 0; i < span.Length; i++) span[i] /= elements[taken[at][i / inner % taken[at].Length]].Copies;
            tensor = numbers.Cast(parameter.DType);
        }
        return tensor;
    }
}
