namespace Nabi.Compression.Pruning;

/// <summary>What a criterion sees of a dependency group: numbers per channel, no layer types.</summary>
public sealed class ChannelGroupView
{
    private readonly IReadOnlyDictionary<string, Tensor>? _gradients;

    /// <summary>A view of a group.</summary>
    /// <param name="group">The group.</param>
    /// <param name="gradients">Gradients of the loss by parameter name; needed by criteria that ask for them.</param>
    /// <param name="rng">Chance.</param>
    public ChannelGroupView(ChannelGroup group, IReadOnlyDictionary<string, Tensor>? gradients, Rng rng)
    {
        (Group, _gradients, Rng) = (group, gradients, rng);
        Makers = [.. group.Parameters.Where(p => p.Role == SliceRole.Output && p.At.Value is { IsTrainable: true, Shape.Rank: > 1 })];
        Readers = [.. group.Parameters.Where(p => p.Role == SliceRole.Input && p.At.Value.IsTrainable)];
        if (Makers.Count == 0) Makers = Readers;
    }

    /// <summary>The group.</summary>
    public ChannelGroup Group { get; }

    /// <summary>Chance, for criteria that want it.</summary>
    public Rng Rng { get; }

    /// <summary>Number of channels; a score is needed for each.</summary>
    public int Count => Group.Count;

    /// <summary>The weights that make the channels: filters of convolutions, rows of dense layers. Those that read them where nothing
    /// makes them.</summary>
    public IReadOnlyList<ChannelSlice> Makers { get; }

    /// <summary>The weights that read the channels: where a channel's elements of all of them are zero, nothing sees the channel.</summary>
    public IReadOnlyList<ChannelSlice> Readers { get; }

    /// <summary>All trainable parameters that belong to the channels.</summary>
    public IEnumerable<ChannelSlice> Trainable => Group.Parameters.Where(p => p.At.Value.IsTrainable);

    /// <summary>The elements of a parameter that belong to each channel: one row per channel.</summary>
    public IReadOnlyList<float[]> Weights(ChannelSlice slice) => Rows(slice, slice.At.Value.Data!);

    /// <summary>The gradient of the loss with respect to <see cref="Weights"/>, in the same order.</summary>
    public IReadOnlyList<float[]> Gradients(ChannelSlice slice) => _gradients is not null
        && _gradients.TryGetValue(slice.At.Value.Name, out var gradient)
        ? Rows(slice, gradient)
        : throw new InvalidOperationException($"No gradient of '{slice.At.Value.Name}' was computed.");

    private static float[][] Rows(ChannelSlice slice, Tensor tensor)
    {
        var rows = new float[slice.Elements.Count][];
        for (var i = 0; i < rows.Length; i++) rows[i] = tensor.Take(slice.At.Axis, slice.Elements[i]).ToSingle();
        return rows;
    }
}
