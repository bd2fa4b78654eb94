namespace Nabi.Ops;

/// <summary>ONNX <c>Unsqueeze</c>: inserts axes of size 1. The second input gives their places in the output, in any order.</summary>
public sealed record Unsqueeze : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        if (x.Integers(1) is { } axes) return new TensorType(dtype, Unsqueezed(shape, axes));
        var inserted = x.Target(1);
        return new TensorType(dtype, inserted.IsRanked ? Shape.OfRank(shape.Rank + inserted.Rank) : Shape.Unranked);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => x.Input(0).Reshape(Unsqueezed(x.Input(0).Shape, x.Integers(1)!));

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieReshape(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Apply(new Squeeze(), g.Grad, g.Input(1)), null];

    private static Shape Unsqueezed(Shape shape, long[] axes)
    {
        var dims = new int[shape.Rank + axes.Length];
        var whole = Shape.OfRank(dims.Length);
        foreach (var given in axes)
        {
            ref var dim = ref dims[whole.Axis(given)];
            if (dim == 1) throw new NabiException($"axis {given} is inserted twice in [{string.Join(", ", axes)}]");
            dim = 1;
        }
        for (int i = 0, next = 0; i < dims.Length; i++)
            if (dims[i] == 0) dims[i] = shape[next++];
        return Shape.Create(dims);
    }
}
