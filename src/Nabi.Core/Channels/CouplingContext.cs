namespace Nabi;

/// <summary>
/// What an operator says about its channels (<see cref="Op.Couple"/>): which elements along which axes of its inputs and
/// outputs go together when channels are removed. An axis that is not mentioned stays as it is.
/// </summary>
public sealed class CouplingContext
{
    private readonly ChannelUnions _unions;
    private readonly IReadOnlySet<Value> _activations;
    private readonly Dictionary<ValueAxis, SliceRole> _roles;
    private readonly List<AxisSplit> _splits;
    private readonly HashSet<ValueAxis> _mentioned = [];

    internal CouplingContext(Node node, ChannelUnions unions, IReadOnlySet<Value> activations, Dictionary<ValueAxis, SliceRole> roles,
        List<AxisSplit> splits)
    {
        (Node, _unions, _activations, _roles, _splits) = (node, unions, activations, roles, splits);
    }

    /// <summary>The node.</summary>
    public Node Node { get; }

    /// <summary>A required input.</summary>
    public Value Input(int index) => Node.Inputs[index] ?? throw new InvalidOperationException($"Input {index} is absent.");

    /// <summary>An input, or null when absent.</summary>
    public Value? Optional(int index) => index < Node.Inputs.Count ? Node.Inputs[index] : null;

    /// <summary>An output.</summary>
    public Value Output(int index = 0) => Node.Outputs[index];

    /// <summary>Does the value depend on the graph's inputs (rather than on parameters only)?</summary>
    public bool IsActivation(Value value) => _activations.Contains(value);

    /// <summary>
    /// Is an activation known to be zero in every channel whose trainable parameters are zero? Then a channel can be summed over, and pruned, without a weight at the sum.
    /// </summary>
    public static bool IsZeroWhenMasked(Value value) => ZeroChannels.Holds(value);

    /// <summary>Element i along one axis goes with element i + <paramref name="offset"/> along the other, where both exist.</summary>
    public void Tie(Value? a, int axisA, Value? b, int axisB, int offset = 0)
    {
        if (!Mention(a, axisA, b, axisB, out var from, out var to)) return;
        var (first, second) = (_unions.First(from), _unions.First(to));
        for (var i = Math.Max(0, -offset); i < from.Size && i + offset < to.Size; i++) _unions.Union(first + i, second + i + offset);
    }

    /// <summary>Element i along one axis goes with element <paramref name="map"/>(i) along the other; with none where that is outside the
    /// axis.</summary>
    public void Tie(Value? a, int axisA, Value? b, int axisB, Func<int, int> map)
    {
        if (!Mention(a, axisA, b, axisB, out var from, out var to)) return;
        var (first, second) = (_unions.First(from), _unions.First(to));
        for (var i = 0; i < from.Size; i++)
            if (map(i) is var j && j >= 0 && j < to.Size) _unions.Union(first + i, second + j);
    }

    /// <summary>A contraction: the input's axis is summed over against this axis of the weight.</summary>
    public void Consume(Value input, int inputAxis, Value weight, int weightAxis)
    {
        Tie(input, inputAxis, weight, weightAxis);
        SetRole(weight, weightAxis, SliceRole.Input);
    }

    /// <summary>This axis of the weight (or bias) makes the output's axis.</summary>
    public void Produce(Value? weight, int weightAxis, Value output, int outputAxis)
    {
        Tie(weight, weightAxis, output, outputAxis);
        SetRole(weight, weightAxis, SliceRole.Output);
    }

    /// <summary>Says which part a parameter's axis plays, after tying it; the default is <see cref="SliceRole.Elementwise"/>.</summary>
    public void SetRole(Value? weight, int axis, SliceRole role)
    {
        if (weight is { Shape.IsRanked: true }) _roles.TryAdd(new ValueAxis(weight, weight.Shape.Axis(axis)), role);
    }

    /// <summary>Axis for axis the same: elementwise operators.</summary>
    /// <param name="a">One value.</param>
    /// <param name="b">Another of the same rank.</param>
    /// <param name="except">An axis that is not tied; negative ones count from the end.</param>
    public void TieAll(Value a, Value b, int? except = null)
    {
        if (!a.Shape.IsRanked || !b.Shape.IsRanked || a.Shape.Rank != b.Shape.Rank) return;
        var excepted = except is { } axis ? a.Shape.Axis(axis) : -1;
        for (var i = 0; i < a.Shape.Rank; i++)
            if (i != excepted && a.Shape[i] == b.Shape[i]) Tie(a, i, b, i);
    }

    /// <summary>Axis for axis the same, aligned at the last axis; an axis of size 1 that is repeated is not tied.</summary>
    public void TieBroadcast(Value? input, Value output)
    {
        if (input is not { Shape.IsRanked: true } || !output.Shape.IsRanked) return;
        var lead = output.Shape.Rank - input.Shape.Rank;
        for (var i = 0; i < input.Shape.Rank; i++)
            if (lead + i >= 0 && input.Shape[i] == output.Shape[lead + i]) Tie(input, i, output, lead + i);
    }

    /// <summary>The same elements in the same order under another shape.</summary>
    public void TieReshape(Value input, Value output)
    {
        if (!input.Shape.IsRanked || !output.Shape.IsRanked) return;
        foreach (var (from, to) in ReshapeAlignment.Of(input.Shape, output.Shape))
        {
            if (from.Length == 1 && to.Length == 1) Tie(input, from[0], output, to[0]);
            else if (from.Length == 1) Split(input, from[0], output, to);
            else if (to.Length == 1) Split(output, to[0], input, from);
        }
    }

    // An axis seen as several: channels can follow one of the parts only. Which one is decided when all else is known.
    private void Split(Value whole, int axis, Value parts, int[] partAxes)
    {
        var split = new AxisSplit(new ValueAxis(whole, axis), [.. partAxes.Select(p => new ValueAxis(parts, p))]);
        _splits.Add(split);
        _mentioned.Add(split.Whole);
        _mentioned.UnionWith(split.Parts);
    }

    /// <summary>Fixes every axis of the node's inputs and outputs that was not mentioned.</summary>
    internal void FixUnmentioned()
    {
        foreach (var value in Node.Inputs.Concat(Node.Outputs))
        {
            if (value is not { Shape.IsRanked: true }) continue;
            for (var axis = 0; axis < value.Shape.Rank; axis++)
                if (!_mentioned.Contains(new ValueAxis(value, axis))) _unions.Fix(new ValueAxis(value, axis));
        }
    }

    private bool Mention(Value? a, int axisA, Value? b, int axisB, out ValueAxis from, out ValueAxis to)
    {
        (from, to) = (default, default);
        if (a is not { Shape.IsRanked: true } || b is not { Shape.IsRanked: true }) return false;
        (from, to) = (new ValueAxis(a, a.Shape.Axis(axisA)), new ValueAxis(b, b.Shape.Axis(axisB)));
        if (from.Size == Shape.Unknown || to.Size == Shape.Unknown) return false;
        _mentioned.Add(from);
        _mentioned.Add(to);
        return true;
    }
}

/// <summary>An axis of one value that another value shows as several axes, outermost first.</summary>
internal sealed record AxisSplit(ValueAxis Whole, ValueAxis[] Parts)
{
    /// <summary>Makes channels follow one part: element e of the whole goes with that part's coordinate of e; the other parts stay.</summary>
    public void Follow(ChannelUnions unions, int part)
    {
        var inner = 1;
        for (var i = part + 1; i < Parts.Length; i++) inner *= Parts[i].Size;
        var (whole, follower) = (unions.First(Whole), unions.First(Parts[part]));
        for (var e = 0; e < Whole.Size; e++) unions.Union(whole + e, follower + e / inner % Parts[part].Size);
        for (var i = 0; i < Parts.Length; i++)
            if (i != part) unions.Fix(Parts[i]);
    }
}
