namespace Nabi;

/// <summary>What an operator may ask and change while channels are removed around it (<see cref="Op.Narrow"/>).</summary>
public sealed class NarrowContext
{
    private readonly IReadOnlyDictionary<ValueAxis, int[]> _kept;
    private readonly Dictionary<int, Tensor> _constants = [];

    internal NarrowContext(Node node, IReadOnlyDictionary<ValueAxis, int[]> kept) => (Node, _kept) = (node, kept);

    /// <summary>The old node.</summary>
    public Node Node { get; }

    /// <summary>Are channels removed along this axis of a value?</summary>
    public bool Narrows(Value? value, int axis) =>
        value is { Shape.IsRanked: true } && _kept.ContainsKey(new ValueAxis(value, value.Shape.Axis(axis)));

    /// <summary>The old indices that stay along an axis, ascending; null when all do.</summary>
    public int[]? Kept(Value value, int axis) => _kept.GetValueOrDefault(new ValueAxis(value, value.Shape.Axis(axis)));

    /// <summary>Elements that stay along an axis; <see cref="Shape.Unknown"/> when the size is not known.</summary>
    public int Size(Value value, int axis) => Kept(value, axis)?.Length ?? value.Shape[axis];

    /// <summary>How many old indices in [<paramref name="from"/>, <paramref name="to"/>) stay along an axis.</summary>
    public int CountKept(Value value, int axis, int from, int to)
    {
        if (Kept(value, axis) is not { } kept) return to - from;
        var count = 0;
        foreach (var i in kept)
            if (i >= from && i < to) count++;
        return count;
    }

    /// <summary>Gives the new node another constant as input: the target of a reshape, the pads.</summary>
    public void Replace(int input, Tensor constant) => _constants[input] = constant;

    internal IReadOnlyDictionary<int, Tensor> Constants => _constants;
}
