namespace Nabi.Ops;

/// <summary>ONNX <c>Where</c>: the second input where the first (<see cref="DType.Bool"/>) is true, else the third, with broadcasting.</summary>
public sealed record Where : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (condition, a, b) = (x.Input(0), x.Input(1), x.Input(2));
        if (condition.DType != DType.Bool) throw x.Fail($"its condition is {condition.DType}, but must be Bool");
        if (a.DType != b.DType) throw x.Fail($"it chooses between {a.DType} and {b.DType}, which must be equal");
        return new TensorType(a.DType, Shape.Broadcast(condition.Shape, Shape.Broadcast(a.Shape, b.Shape)));
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => x.Input(1).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Select(x.Input(0), x.Input(1), x.Input(2));

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        foreach (var input in c.Node.Inputs) c.TieBroadcast(input, c.Output());
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (b, zero) = (g.Builder, g.Builder.Scalar(0, g.Grad));
        return
        [
            null,
            b.SumTo(b.Where(g.Input(0), g.Grad, zero), g.Input(1)),
            b.SumTo(b.Where(g.Input(0), zero, g.Grad), g.Input(2)),
        ];
    }
}
