namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Trilu</c>: the upper or lower triangle of the last two axes, zeros elsewhere. The optional second input shifts the
/// diagonal: positive to the upper right.
/// </summary>
public sealed record Trilu : MovingOp
{
    /// <summary>Keep the upper triangle rather than the lower? Default true.</summary>
    public bool Upper { get; init; } = true;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        x.RequireRank(0, 2);
        return x.Input(0);
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var (rows, columns) = (data[-2], data[-1]);
        var diagonal = (long)(x.Optional(1)?.Item() ?? 0);
        var sources = new int[data.Count];
        for (var n = 0; n < sources.Length; n++)
        {
            long above = n % columns - (long)(n / columns % rows);
            sources[n] = (Upper ? above >= diagonal : above <= diagonal) ? n : -1;
        }
        return new Movement(data, sources);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
        g.Has(1) ? [g.Builder.Apply(this, g.Grad, g.Input(1)), null] : [g.Builder.Apply(this, g.Grad)];
}
