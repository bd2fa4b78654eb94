namespace Nabi.Ops;

/// <summary>ONNX <c>Flatten</c>: a matrix whose rows are the axes before <see cref="Axis"/>, whose columns are the rest.</summary>
public sealed record Flatten : Op
{
    /// <summary>First axis of the columns, -rank to rank. Default 1.</summary>
    public int Axis { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0) with { Shape = Flattened(x.Shape(0)) };

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => x.Input(0).Reshape(Flattened(x.Input(0).Shape));

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieReshape(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.ReshapeLike(g.Grad, g.Input(0))];

    private Shape Flattened(Shape shape)
    {
        var axis = Axis == shape.Rank ? Axis : shape.Axis(Axis);
        return [shape.CountOf(0, axis), shape.CountOf(axis, shape.Rank)];
    }
}
