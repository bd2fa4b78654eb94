namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Compress</c>: the slices along <see cref="Axis"/> for which the second input, a list of Bool that may be shorter than the
/// axis, says true.
/// </summary>
public sealed record Compress : MovingOp
{
    /// <summary>The axis; null, the default, flattens the input first.</summary>
    public int? Axis { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        var count = x.Integers(1) is { } condition ? condition.Count(c => c != 0) : Shape.Unknown;
        return new TensorType(dtype, Axis is { } axis ? shape.With(shape.Axis(axis), count) : [count]);
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        if (Axis is null) data = [data.Count];
        var condition = x.Integers(1)!;
        var axis = data.Axis(Axis ?? 0);
        var chosen = new List<int>();
        for (var i = 0; i < condition.Length; i++)
            if (condition[i] != 0) chosen.Add(data.Index(i, axis));
        return Movement.Along(data, axis, chosen.ToArray());
    }
}
