namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Reshape</c>: the same elements under another shape, given as the second input. One -1 is computed from the rest; 0 copies
/// the input's dimension unless <see cref="Allowzero"/>.
/// </summary>
public sealed record Reshape : Op
{
    /// <summary>Does 0 mean an empty dimension rather than "as in the input"? Default false.</summary>
    public bool Allowzero { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var type = x.Input(0);
        return new TensorType(type.DType, x.Integers(1) is { } target ? Target(type.Shape, target) : x.Target(1));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => x.Input(0).Reshape(Target(x.Input(0).Shape, x.Integers(1)!));

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Reshape(g.Grad, g.Input(0).Shape), null];

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        if (c.Input(1).Constant is not null) c.TieReshape(c.Input(0), c.Output());
    }

    /// <inheritdoc/>
    public override Op Narrow(NarrowContext s)
    {
        var target = s.Node.Inputs[1]!.Constant!.ToInt64();
        for (var i = 0; i < target.Length; i++)
            if (target[i] != -1 && s.Kept(s.Node.Output, i) is { } kept) target[i] = kept.Length;
        s.Replace(1, Tensor.Vector<long>(target));
        return this;
    }

    private Shape Target(Shape from, long[] target)
    {
        var dims = new int[target.Length];
        var open = -1;
        for (var i = 0; i < dims.Length; i++)
        {
            if (target[i] == 0 && !Allowzero)
                dims[i] = i < from.Rank ? from[i] : throw new NabiException($"the target [{string.Join(", ", target)}] copies dimension {i}, which shape {from} does not have");
            else if (target[i] != -1)
                dims[i] = Shape.Dimension(target[i]);
            else if (open >= 0)
                throw new NabiException($"the target [{string.Join(", ", target)}] leaves two dimensions open");
            else
                open = i;
        }
        if (open >= 0) dims[open] = Remaining(from, dims, open);
        var shape = Shape.Create(dims);
        return !from.IsKnown || !shape.IsKnown || from.Count == shape.Count
            ? shape
            : throw new NabiException($"shape {from} of {from.Count} elements cannot become {shape} of {shape.Count}");
    }

    // Unknown dimensions that stand on both sides cancel: [?, 16, 4, 4] to [0, -1] gives [?, 256], to [-1, 256] gives [?, 256].
    private static int Remaining(Shape from, int[] dims, int open)
    {
        long elements = 1, given = 1;
        var (unknownFrom, unknownTo) = (0, 0);
        foreach (var dim in from.Dims)
        {
            if (dim == Shape.Unknown) unknownFrom++;
            else elements *= dim;
        }
        for (var i = 0; i < dims.Length; i++)
        {
            if (i == open) continue;
            if (dims[i] == Shape.Unknown) unknownTo++;
            else given *= dims[i];
        }
        if (unknownFrom != unknownTo) return Shape.Unknown;
        return given != 0 && elements % given == 0
            ? (int)(elements / given)
            : throw new NabiException($"shape {from} cannot be divided into the target, {elements} elements by {given}");
    }
}
