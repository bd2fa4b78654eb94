namespace Nabi;

/// <summary>The part a parameter's axis plays for a channel.</summary>
public enum SliceRole
{
    /// <summary>Scales, shifts or otherwise treats the channel by itself: batch normalization, biases of elementwise adds, slopes.</summary>
    Elementwise,
    /// <summary>Makes the channel: a weight's output axis, its bias.</summary>
    Output,
    /// <summary>Reads the channel: a weight's input axis.</summary>
    Input,
}

/// <summary>What the channels of a group own along one axis of one value.</summary>
/// <param name="At">The value and axis.</param>
/// <param name="Elements">Per channel the indices along the axis that go with it, ascending; all channels have equally many.</param>
/// <param name="Role">The part it plays.</param>
public sealed record ChannelSlice(ValueAxis At, IReadOnlyList<int[]> Elements, SliceRole Role)
{
    /// <summary>Elements along the axis for one channel: 1, or more where one channel is a block (flattened maps, attention heads, grouped
    /// convolution).</summary>
    public int Block => Elements[0].Length;

    /// <inheritdoc/>
    public override string ToString() => Block == 1 ? At.ToString() : $"{At} x {Block}";
}

/// <summary>
/// Channels that can only be removed together with everything coupled to them (dependency groups, Fang et al. 2023): the unit
/// of structured pruning. Channel i of the group owns <c>Elements[i]</c> of every slice.
/// </summary>
public sealed class ChannelGroup
{
    internal ChannelGroup(int index, IReadOnlyList<ChannelSlice> parameters, IReadOnlyList<ChannelSlice> activations)
    {
        (Index, Parameters, Activations) = (index, parameters, activations);
    }

    /// <summary>Position in <see cref="ChannelGroups"/>.</summary>
    public int Index { get; }

    /// <summary>Number of channels.</summary>
    public int Count => Parameters[0].Elements.Count;

    /// <summary>What the channels own in parameters and constants.</summary>
    public IReadOnlyList<ChannelSlice> Parameters { get; }

    /// <summary>What the channels own in inputs' and nodes' values.</summary>
    public IReadOnlyList<ChannelSlice> Activations { get; }

    /// <summary>The parameter that makes the channels first: a name for people, stable while the graph is.</summary>
    public string Name => (Parameters.FirstOrDefault(p => p.Role == SliceRole.Output) ?? Parameters[0]).At.Value.Name;

    /// <summary>The nodes that read or write the channels, in no particular order.</summary>
    public IReadOnlyList<Node> Nodes =>
        [.. Activations.Concat(Parameters).SelectMany(s => s.At.Value.Producer is { } p ? s.At.Value.Users.Append(p)
            : s.At.Value.Users).Distinct()];

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Name}: {Count} channels; made by {Part(SliceRole.Output)}; with {Part(SliceRole.Elementwise)}; read by {Part(SliceRole.Input)}";

    private string Part(SliceRole role)
    {
        var text = string.Join(", ", Parameters.Where(p => p.Role == role));
        return text.Length == 0 ? "nothing" : text;
    }
}
