namespace Nabi.Ops;

/// <summary>
/// ONNX <c>MatMul</c>: matrix product [..., M, K] x [..., K, N] with broadcast leading dimensions; a vector on the left is a row, on the
/// right a column, and its axis is dropped from the result. Accumulated in double precision.
/// </summary>
public sealed record MatMul : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (a, b) = (x.Input(0), x.Input(1));
        if (a.DType != b.DType) throw x.Fail($"its inputs are {a.DType} and {b.DType}, which must be equal");
        return new TensorType(a.DType, Product(x.RequireRank(0, 1), x.RequireRank(1, 1)));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) =>
        Multiply(x.Input(0).Cast(DType.Float64), x.Input(1).Cast(DType.Float64)).Cast(x.Input(0).DType);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Output().Count * x.Input(0)[-1]);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        if (g.Input(0).Shape.Rank > 2 && g.Input(1).Shape.Rank == 2) return GradientOfRows(g);
        var (left, right) = (b.Reshape(g.Input(0), AsMatrix(g.Input(0).Shape, true)), b.Reshape(g.Input(1), AsMatrix(g.Input(1).Shape, false)));
        var full = new List<int>(Shape.Broadcast(Shape.Create(left.Shape.Dims[..^2]), Shape.Create(right.Shape.Dims[..^2]))) { left.Shape[-2], right.Shape[-1] };
        var grad = b.Reshape(g.Grad, Shape.Create(full.ToArray()));
        var ofLeft = b.SumTo(b.MatMul(grad, b.SwapLast(right)), left);
        var ofRight = b.SumTo(b.MatMul(b.SwapLast(left), grad), right);
        return [b.Reshape(ofLeft, g.Input(0).Shape), b.Reshape(ofRight, g.Input(1).Shape)];
    }

    // One right matrix for all rows: the leading axes of the left are rows too, so both gradients are one product.
    private static IReadOnlyList<Value?> GradientOfRows(GradientContext g)
    {
        var (b, left, right) = (g.Builder, g.Input(0), g.Input(1));
        var rows = b.Reshape(left, [Shape.Unknown, left.Shape[-1]]);
        var grad = b.Reshape(g.Grad, [Shape.Unknown, right.Shape[-1]]);
        var ofLeft = b.Apply(new Gemm { TransB = true }, grad, right);
        var ofRight = b.Apply(new Gemm { TransA = true }, rows, grad);
        return [b.ReshapeLike(ofLeft, left), ofRight];
    }

    /// <summary>
    /// Against a parameter the contracted axis is consumed and the other one made. Between two activations (attention) the contracted axis may lose
    /// channels where that is exact: at least one side is zero in a masked channel. Rows and columns pass through, and so do leading axes (heads).
    /// </summary>
    public override void Couple(CouplingContext c)
    {
        var (a, b, y) = (c.Input(0), c.Input(1), c.Output());
        if (!a.Shape.IsRanked || !b.Shape.IsRanked || a.Shape.Rank < 2 || b.Shape.Rank < 2) return;
        TieLeading(c, a, y);
        TieLeading(c, b, y);
        c.Tie(a, -2, y, -2);
        c.Tie(b, -1, y, -1);
        var isBetweenActivations = c.IsActivation(a) && c.IsActivation(b);
        if (!isBetweenActivations || CouplingContext.IsZeroWhenMasked(a) || CouplingContext.IsZeroWhenMasked(b)) c.Tie(a, -1, b, -2);
        if (isBetweenActivations) return;
        var isLeft = !c.IsActivation(a);
        c.SetRole(isLeft ? a : b, isLeft ? -1 : -2, SliceRole.Input);
        c.SetRole(isLeft ? a : b, isLeft ? -2 : -1, SliceRole.Output);
    }

    private static void TieLeading(CouplingContext c, Value from, Value y)
    {
        var lead = y.Shape.Rank - from.Shape.Rank;
        for (var i = 0; i < from.Shape.Rank - 2; i++)
            if (from.Shape[i] == y.Shape[lead + i]) c.Tie(from, i, y, lead + i);
    }

    /// <summary>The product of two tensors in double precision.</summary>
    internal static Tensor Multiply(Tensor left, Tensor right)
    {
        var result = Tensor.Zeros(DType.Float64, Product(left.Shape, right.Shape));
        var (shapeA, shapeB) = (AsMatrix(left.Shape, true), AsMatrix(right.Shape, false));
        var (m, k, n) = (shapeA[-2], shapeA[-1], shapeB[-1]);
        var leadA = Shape.Create(shapeA.Dims[..^2]);
        var leadB = Shape.Create(shapeB.Dims[..^2]);
        var lead = Shape.Broadcast(leadA, leadB);
        var (atA, atB) = (Elementwise.BroadcastOffsets(leadA, lead), Elementwise.BroadcastOffsets(leadB, lead));
        for (var batch = 0; batch < atA.Length; batch++)
            Multiply(left.Span<double>().Slice(atA[batch] * m * k, m * k), right.Span<double>().Slice(atB[batch] * k * n, k * n),
                result.Span<double>().Slice(batch * m * n, m * n), k, n);
        return result;
    }

    private static void Multiply(ReadOnlySpan<double> a, ReadOnlySpan<double> b, Span<double> c, int k, int n)
    {
        for (var i = 0; i < c.Length; i++)
        {
            var (row, column) = (i / n, i % n);
            var sum = 0.0;
            for (var p = 0; p < k; p++) sum += a[row * k + p] * b[p * n + column];
            c[i] = sum;
        }
    }

    private static Shape AsMatrix(Shape shape, bool isLeft) => shape.Rank > 1 ? shape : isLeft ? [1, shape[0]] : [shape[0], 1];

    /// <summary>The shape of the product.</summary>
    /// <exception cref="NabiException">The shapes do not fit.</exception>
    internal static Shape Product(Shape left, Shape right)
    {
        var (a, b) = (AsMatrix(left, true), AsMatrix(right, false));
        if (a[-1] != b[-2] && a[-1] != Shape.Unknown && b[-2] != Shape.Unknown)
            throw new NabiException($"a matrix of shape {left} cannot be multiplied by one of shape {right}: {a[-1]} columns against {b[-2]} rows");
        var dims = new List<int>(Shape.Broadcast(Shape.Create(a.Dims[..^2]), Shape.Create(b.Dims[..^2])));
        if (left.Rank > 1) dims.Add(a[-2]);
        if (right.Rank > 1) dims.Add(b[-1]);
        return Shape.Create(dims.ToArray());
    }
}
