namespace Nabi.Training;

/// <summary>
/// Strength times the sum over groups g and features j of sqrt(sum of the squares of the weights between them): the filters of a group are
/// driven to leave out the same features together (Huang et al. 2018, CondenseNet, section 3.3; with the inputs split in groups it is the
/// S-lasso of Yang et al. 2021, CondenseNet V2, section 3.2).
/// </summary>
/// <param name="Weights">The weights concerned.</param>
/// <param name="Strength">The factor lambda. Default 1e-5.</param>
public sealed record GroupLasso(ValueArray<WeightGroups> Weights, double Strength = 1e-5) : Penalty
{
    // The root has no derivative at 0; groups as small as this feel none.
    private const double SmallestSquare = 1e-12;

    /// <inheritdoc/>
    public override Value? Build(GraphBuilder builder, Value parameter, Value original)
    {
        foreach (var weight in Weights.Span)
            if (weight.Weight == original.Name) return builder.Mul(Norms(builder, parameter, weight), Strength);
        return null;
    }

    private static Value Norms(GraphBuilder b, Value w, WeightGroups groups)
    {
        var (outputs, inputs, n) = (w.Shape[0], w.Shape[1], groups.Groups);
        var split = groups.Axis == 0 ? b.Reshape(w, [outputs / n, n, inputs]) : b.Reshape(w, [outputs, inputs / n, n]);
        var squares = b.ReduceSum(b.Square(split), [groups.Axis], keepdims: false);
        return b.ReduceSum(b.Sqrt(b.Max(squares, b.Scalar(SmallestSquare, squares))), [], keepdims: false);
    }
}
