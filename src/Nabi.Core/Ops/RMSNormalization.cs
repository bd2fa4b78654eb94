namespace Nabi.Ops;

/// <summary>
/// ONNX <c>RMSNormalization</c> (Zhang and Sennrich 2019, equation 4): X / sqrt(mean(X^2) + Epsilon) Scale over the axes from <see cref="Axis"/> on. Inputs:
/// X, and Scale, which broadcasts to X.
/// </summary>
public sealed record RMSNormalization : NormalizationOp
{
    /// <summary>The first normalized axis; negative counts from the end. Default -1.</summary>
    public int Axis { get; init; } = -1;

    /// <summary>The precision of the statistics in ONNX's numbering (1 is single). The reference computes in double. Default 1.</summary>
    public int StashType { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var data = x.RequireRank(0, 1);
        return Shape.Broadcast(x.Shape(1), data).Accepts(data) ? x.Input(0) : throw x.Fail($"a scale of shape {x.Shape(1)} does not broadcast to {data}");
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var result = data.Cast(DType.Float64).Copy();
        var values = result.Span<double>();
        var size = data.Shape.CountOf(data.Shape.Axis(Axis), data.Shape.Rank);
        for (var first = 0; first < values.Length; first += size)
        {
            var squares = 0.0;
            foreach (var v in values.Slice(first, size)) squares += v * v;
            foreach (ref var v in values.Slice(first, size)) v /= Math.Sqrt(squares / size + Epsilon);
        }
        return Scaled(result, x.Input(1), null).Cast(data.DType);
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.TieAll(c.Input(0), c.Output());
        for (var i = 1; i < c.Node.Inputs.Count; i++) c.TieBroadcast(c.Optional(i), c.Output());
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        var (b, data) = (g.Builder, x[0]!);
        var meanSquare = b.ReduceMean(b.Mul(data, data), AxesFrom(data.Shape.Axis(Axis), data.Shape.Rank));
        return [b.Mul(b.Div(data, b.Sqrt(b.Add(meanSquare, Epsilon))), x[1]!)];
    });
}
