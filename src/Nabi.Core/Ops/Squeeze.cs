namespace Nabi.Ops;

/// <summary>ONNX <c>Squeeze</c>: drops the axes of size 1 given as the second input; all of them when it is absent.</summary>
public sealed record Squeeze : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        if (x.Has(1) ? x.Constant(1) is null : !shape.IsKnown) return TensorType.Unranked(dtype);
        return new TensorType(dtype, Squeezed(shape, Dropped(shape, x.Integers(1))));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var shape = x.Input(0).Shape;
        return x.Input(0).Reshape(Squeezed(shape, Dropped(shape, x.Integers(1))));
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieReshape(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var gradient = g.Builder.ReshapeLike(g.Grad, g.Input(0));
        return g.Has(1) ? [gradient, null] : [gradient];
    }

    private static bool[] Dropped(Shape shape, long[]? axes)
    {
        var dropped = new bool[shape.Rank];
        if (axes is null)
        {
            for (var i = 0; i < dropped.Length; i++) dropped[i] = shape[i] == 1;
            return dropped;
        }
        foreach (var given in axes)
        {
            var axis = shape.Axis(given);
            if (shape[axis] is not (1 or Shape.Unknown)) throw new NabiException($"axis {axis} of shape {shape} is not of size 1");
            dropped[axis] = true;
        }
        return dropped;
    }

    private static Shape Squeezed(Shape shape, bool[] dropped)
    {
        var dims = new List<int>();
        for (var i = 0; i < dropped.Length; i++)
            if (!dropped[i]) dims.Add(shape[i]);
        return Shape.Create(dims.ToArray());
    }
}
