namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Gemm</c>: Alpha A' B' + Beta C for matrices, where ' transposes when asked. Inputs: A [M, K], B [K, N] (before transposition
/// [K, M], [N, K]), optional C that broadcasts to [M, N]. Accumulated in double precision.
/// </summary>
public sealed record Gemm : Op
{
    /// <summary>Factor of the product. Default 1.</summary>
    public float Alpha { get; init; } = 1;

    /// <summary>Factor of C. Default 1.</summary>
    public float Beta { get; init; } = 1;

    /// <summary>Is A given transposed? Default false.</summary>
    public bool TransA { get; init; }

    /// <summary>Is B given transposed? Default false.</summary>
    public bool TransB { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (a, b) = (x.RequireRank(0, 2, 2), x.RequireRank(1, 2, 2));
        if (x.Input(0).DType != x.Input(1).DType) throw x.Fail($"its inputs are {x.Input(0).DType} and {x.Input(1).DType}, which must be equal");
        var (m, k) = TransA ? (a[1], a[0]) : (a[0], a[1]);
        var (rows, n) = TransB ? (b[1], b[0]) : (b[0], b[1]);
        if (k != rows && k != Shape.Unknown && rows != Shape.Unknown)
            throw x.Fail($"a product of {a}{(TransA ? " transposed" : "")} and {b}{(TransB ? " transposed" : "")} is not possible: {k} columns against {rows} rows");
        Shape shape = [m, n];
        if (x.Has(2) && !Shape.Broadcast(x.Shape(2), shape).Accepts(shape)) throw x.Fail($"C of shape {x.Shape(2)} does not broadcast to {shape}");
        return new TensorType(x.Input(0).DType, shape);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (left, right) = (x.Input(0), x.Input(1));
        var (m, k) = TransA ? (left.Shape[1], left.Shape[0]) : (left.Shape[0], left.Shape[1]);
        var n = TransB ? right.Shape[0] : right.Shape[1];
        var result = Tensor.Empty(DType.Float64, [m, n]);
        ReadOnlySpan<double> a = left.Cast(DType.Float64).Span<double>(), b = right.Cast(DType.Float64).Span<double>();
        var y = result.Span<double>();
        for (var i = 0; i < m; i++)
            for (var j = 0; j < n; j++)
            {
                var sum = 0.0;
                for (var p = 0; p < k; p++) sum += a[TransA ? p * m + i : i * k + p] * b[TransB ? j * k + p : p * n + j];
                y[i * n + j] = Alpha * sum;
            }
        if (x.Optional(2) is { } addend)
        {
            ReadOnlySpan<double> c = addend.Cast(DType.Float64).Span<double>();
            var offsets = Elementwise.BroadcastOffsets(addend.Shape, result.Shape);
            for (var i = 0; i < offsets.Length; i++) y[i] += Beta * c[offsets[i]];
        }
        return result.Cast(left.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Output().Count * x.Input(0)[TransA ? 0 : 1]);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        var (a, b, y) = (c.Input(0), c.Input(1), c.Output());
        if (c.IsActivation(b)) return;
        c.Tie(a, TransA ? 1 : 0, y, 0);
        c.Consume(a, TransA ? 0 : 1, b, TransB ? 1 : 0);
        c.Produce(b, TransB ? 0 : 1, y, 1);
        if (c.Optional(2) is not { Shape.IsRanked: true } addend) return;
        c.TieBroadcast(addend, y);
        if (addend.Shape.Rank > 0) c.SetRole(addend, -1, SliceRole.Output);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (b, left, right, grad) = (g.Builder, g.Input(0), g.Input(1), g.Grad);
        var product = new Gemm { Alpha = Alpha };
        // Y = A' B' gives dA' = dY B'^T and dB' = A'^T dY; a transposed operand's gradient is the transpose of that.
        var ofLeft = TransA
            ? b.Apply(product with { TransA = TransB, TransB = true }, right, grad)
            : b.Apply(product with { TransB = !TransB }, grad, right);
        var ofRight = TransB
            ? b.Apply(product with { TransA = true, TransB = TransA }, grad, left)
            : b.Apply(product with { TransA = !TransA }, left, grad);
        return [ofLeft, ofRight, g.Has(2) ? b.SumTo(Beta == 1 ? grad : b.Mul(grad, b.Scalar(Beta, grad)), g.Input(2)) : null];
    }
}
