namespace Nabi.Ops;

/// <summary>
/// ONNX <c>LayerNormalization</c> (Ba et al. 2016): z Scale + B, where z has mean 0 and variance 1 over the axes from <see cref="Axis"/> on. Inputs: X, Scale and
/// optional B, which broadcast to X. Outputs: Y, and optionally mean and inverse standard deviation with size 1 on those axes, through
/// which no gradient flows.
/// </summary>
public sealed record LayerNormalization : NormalizationOp
{
    /// <summary>The first normalized axis; negative counts from the end. Default -1.</summary>
    public int Axis { get; init; } = -1;

    /// <summary>The precision of the statistics in ONNX's numbering (1 is single). The reference computes in double. Default 1.</summary>
    public int StashType { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var data = x.RequireRank(0, 1);
        for (var i = 1; i < 3; i++)
            if (x.Has(i) && !Shape.Broadcast(x.Shape(i), data).Accepts(data)) throw x.Fail($"input {i} of shape {x.Shape(i)} does not broadcast to {data}");
        var dims = data.Dims.ToArray();
        dims.AsSpan(data.Axis(Axis)).Fill(1);
        var statistic = new TensorType(StatisticType(x.Input(0).DType), Shape.Create(dims));
        return new[] { x.Input(0), statistic, statistic };
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => index == 0 ? x.Input(0).DType : StatisticType(x.Input(0).DType);

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var (z, mean, inverse) = Standardize(data, AxesFrom(data.Shape.Axis(Axis), data.Shape.Rank));
        var statistic = StatisticType(data.DType);
        return new[] { Scaled(z, x.Input(1), x.Optional(2)).Cast(data.DType), mean.Cast(statistic), inverse.Cast(statistic) };
    }

    /// <summary>The normalized axes are fixed: a channel that is zero still counts in their mean.</summary>
    public override void Couple(CouplingContext c)
    {
        var (x, y) = (c.Input(0), c.Output());
        if (!x.Shape.IsRanked) return;
        for (var axis = 0; axis < x.Shape.Axis(Axis); axis++) c.Tie(x, axis, y, axis);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        var shape = x[0]!.Shape;
        var scaled = g.Builder.Mul(Standardize(g.Builder, x[0]!, AxesFrom(shape.Axis(Axis), shape.Rank)), x[1]!);
        return [g.Has(2) ? g.Builder.Add(scaled, x[2]!) : scaled];
    });

    private static DType StatisticType(DType data) => data == DType.Float64 ? DType.Float64 : DType.Float32;
}
