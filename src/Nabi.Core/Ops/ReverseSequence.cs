namespace Nabi.Ops;

/// <summary>
/// ONNX <c>ReverseSequence</c>: along the time axis, the first elements of every batch item are reversed, as many as the second input
/// (one length per item) says. Time and batch are the first two axes.
/// </summary>
public sealed record ReverseSequence : MovingOp
{
    /// <summary>0 or 1. Default 1.</summary>
    public int BatchAxis { get; init; } = 1;

    /// <summary>The other one of 0 and 1. Default 0.</summary>
    public int TimeAxis { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        x.RequireRank(0, 2);
        if (BatchAxis + TimeAxis != 1 || BatchAxis is not (0 or 1)) throw x.Fail($"batch axis {BatchAxis} and time axis {TimeAxis} must be 0 and 1");
        return x.Input(0);
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var lengths = x.Integers(1)!;
        if (lengths.Length != data[BatchAxis]) throw new NabiException($"it has {lengths.Length} lengths for a batch of {data[BatchAxis]}");
        var inner = data.CountOf(2, data.Rank);
        var sources = new int[data.Count];
        for (int i = 0, n = 0; n < sources.Length; i++)
        {
            var (first, second) = (i / data[1], i % data[1]);
            var (time, item) = TimeAxis == 0 ? (first, second) : (second, first);
            if (lengths[item] < 0 || lengths[item] > data[TimeAxis]) throw new NabiException($"a length of {lengths[item]} is outside a time axis of {data[TimeAxis]}");
            if (time < lengths[item]) time = (int)lengths[item] - 1 - time;
            var start = (TimeAxis == 0 ? time * data[1] + item : item * data[1] + time) * inner;
            for (var j = 0; j < inner; j++) sources[n++] = start + j;
        }
        return new Movement(data, sources);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Apply(this, g.Grad, g.Input(1)), null];
}
