namespace Nabi.Ops;

/// <summary>
/// The transpose of <see cref="Resize"/>: every output's gradient goes to the inputs it was interpolated from, by the same weights.
/// Inputs: the gradient, the shape of the forward data, then roi, scales and sizes as in the forward node.
/// </summary>
/// <param name="Of">The forward operator.</param>
public sealed record ResizeGradient(Resize Of) : Op
{
    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(x.Input(0).DType, x.Target(1));

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var gradient = x.Input(0).Cast(DType.Float64);
        var axes = Of.Weights(Shape.From(x.Integers(1)!), x, 2);
        for (var axis = 0; axis < axes.Length; axis++)
            if (axes[axis] is { } weights) gradient = weights.ApplyTransposed(gradient, axis);
        return gradient.Cast(x.Input(0).DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(0).Count * (Of.Mode switch { "nearest" => 1L, "linear" => 8, _ => 32 }), x.BytesRead, x.BytesWritten);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var rest = g.Node.Inputs.Skip(2).ToArray();
        return [g.Builder.Apply(Of with { ExtrapolationValue = 0 }, [g.Grad, .. rest]), null, .. rest.Select(_ => (Value?)null)];
    }
}
