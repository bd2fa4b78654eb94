namespace Nabi.Ops;

/// <summary>ONNX <c>MeanVarianceNormalization</c>: (x - mean) / (standard deviation + 1e-9) over axes.</summary>
public sealed record MeanVarianceNormalization : Op
{
    // ONNX's definition adds it to the deviation, not to the variance.
    private const double Small = 1e-9;

    /// <summary>The axes along which a group lies. Default [0, 2, 3]: one group per channel.</summary>
    public ValueArray<int> Axes { get; init; } = [0, 2, 3];

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        foreach (var axis in Axes.Span) _ = x.Shape(0).Axis(axis);
        return x.Input(0);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var dims = data.Shape.Dims.ToArray();
        foreach (var axis in Axes.Span) dims[data.Shape.Axis(axis)] = 1;
        var kept = Shape.Create(dims);
        var group = Moments.Groups(data.Shape, kept);
        var result = data.Cast(DType.Float64).Copy();
        var (mean, variance) = Moments.PerGroup(result, group, kept.Count);
        var values = result.Span<double>();
        for (var i = 0; i < values.Length; i++) values[i] = (values[i] - mean[group[i]]) / (Math.Sqrt(variance[group[i]]) + Small);
        return result.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(7);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        var (b, data) = (g.Builder, x[0]!);
        var axes = Array.ConvertAll(Axes.ToArray(), a => data.Shape.Axis(a));
        var centered = b.Sub(data, b.ReduceMean(data, axes));
        return [b.Div(centered, b.Add(b.Sqrt(b.ReduceMean(b.Mul(centered, centered), axes)), Small))];
    });
}
