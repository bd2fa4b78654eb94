namespace Nabi.Ops;

/// <summary>ONNX <c>LpNormalization</c>: x over its 1-norm or 2-norm along an axis; 0 where the norm is 0.</summary>
public sealed record LpNormalization : Op
{
    /// <summary>The axis; negative counts from the end. Default -1.</summary>
    public int Axis { get; init; } = -1;

    /// <summary>The norm's order, 1 or 2. Default 2.</summary>
    public int P { get; init; } = 2;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        _ = x.RequireRank(0, 1).Axis(Axis);
        return P is 1 or 2 ? x.Input(0) : throw x.Fail($"p is {P} but must be 1 or 2");
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var axis = data.Shape.Axis(Axis);
        var group = Moments.Groups(data.Shape, data.Shape.With(axis, 1));
        var result = data.Cast(DType.Float64).Copy();
        var values = result.Span<double>();
        var norms = new double[values.Length];
        for (var i = 0; i < values.Length; i++) norms[group[i]] += P == 1 ? Math.Abs(values[i]) : values[i] * values[i];
        for (var i = 0; i < values.Length; i++)
        {
            var norm = P == 1 ? norms[group[i]] : Math.Sqrt(norms[group[i]]);
            values[i] = norm == 0 ? 0 : values[i] / norm;
        }
        return result.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(3);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        var (b, data) = (g.Builder, x[0]!);
        int[] axes = [data.Shape.Axis(Axis)];
        return [b.Div(data, P == 1 ? b.ReduceL1(data, axes) : b.ReduceL2(data, axes))];
    });
}
