namespace Nabi.Ops;

/// <summary>
/// ONNX <c>BatchNormalization</c> (Ioffe and Szegedy 2015): Scale (X - mean) / sqrt(variance + Epsilon) + B, per channel. Inputs: X [N, C, ...],
/// Scale [C], B [C], running mean [C], running variance [C].
/// Without <see cref="TrainingMode"/> the running statistics are used and Y is the only output. With it the batch's statistics are used
/// (biased variance) and the outputs are Y, the new running mean and variance (Momentum old + (1 - Momentum) batch) and, beyond ONNX, the
/// batch's mean and inverse standard deviation, which the gradient reads instead of computing them again.
/// No gradient flows through the outputs that are statistics.
/// </summary>
public sealed record BatchNormalization : Op
{
    /// <summary>Added to the variance. Default 1e-5.</summary>
    public float Epsilon { get; init; } = 1e-5f;

    /// <summary>Share of the old running statistics that stays, in [0, 1]. Default 0.9.</summary>
    public float Momentum { get; init; } = 0.9f;

    /// <summary>Normalize with the batch's statistics and update the running ones? Default false.</summary>
    public bool TrainingMode { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var data = x.RequireRank(0, 2);
        Shape channels = [data[1]];
        for (var i = 1; i < 5; i++)
            if (!channels.Accepts(x.Shape(i))) throw x.Fail($"input {i} has shape {x.Shape(i)}, but there are {data[1]} channels");
        if (!TrainingMode) return x.Input(0);
        var statistic = new TensorType(x.Input(3).DType, data[1] == Shape.Unknown ? x.Shape(3) : channels);
        return new[] { x.Input(0), statistic, statistic, statistic, statistic };
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var (values, scale, bias) = (data.Cast(DType.Float64), Numbers(x, 1), Numbers(x, 2));
        var (mean, variance) = (Numbers(x, 3), Numbers(x, 4));
        if (TrainingMode) (mean, variance) = Moments.PerChannel(values);
        var inverse = Array.ConvertAll(variance, v => 1 / Math.Sqrt(v + Epsilon));
        var inner = data.Shape.CountOf(2, data.Shape.Rank);
        var y = Tensor.Empty(DType.Float64, data.Shape);
        for (var i = 0; i < y.Count; i++)
        {
            var c = i / inner % mean.Length;
            y.Span<double>()[i] = (values.Span<double>()[i] - mean[c]) * inverse[c] * scale[c] + bias[c];
        }
        if (!TrainingMode) return y.Cast(data.DType);
        return new[]
        {
            y.Cast(data.DType), Statistic(x, Blend(Numbers(x, 3), mean)), Statistic(x, Blend(Numbers(x, 4), variance)),
            Statistic(x, mean), Statistic(x, inverse),
        };
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(TrainingMode ? 5 : 2);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.TieAll(c.Input(0), c.Output());
        for (var i = 1; i < 5; i++) c.Tie(c.Input(i), 0, c.Output(), 1);
        for (var i = 1; i < c.Node.Outputs.Count; i++) c.Tie(c.Output(i), 0, c.Output(), 1);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        if (!TrainingMode) return g.Through(x => [WithRunningStatistics(g.Builder, x)]);
        if (g.GradOrNull(0) is not { } grad) return [null, null, null, null, null];
        var hasStatistics = g.Node.Outputs.Count > 4;
        var parts = g.Builder.ApplyAll(new BatchNormalizationGradient { Epsilon = Epsilon }, 3,
            g.Input(0), g.Input(1), grad, hasStatistics ? g.Output(3) : null, hasStatistics ? g.Output(4) : null);
        return [parts[0], parts[1], parts[2], null, null];
    }

    private Value WithRunningStatistics(GraphBuilder b, IReadOnlyList<Value?> x)
    {
        var (data, scale, bias, mean, variance) = (x[0]!, x[1]!, x[2]!, x[3]!, x[4]!);
        var factor = b.Div(scale, b.Sqrt(b.Add(variance, b.Scalar(Epsilon, variance))));
        return b.Add(b.Mul(b.Sub(data, b.PerChannel(mean, data)), b.PerChannel(factor, data)), b.PerChannel(bias, data));
    }

    private double[] Blend(double[] running, double[] batch)
    {
        for (var i = 0; i < running.Length; i++) running[i] = running[i] * Momentum + batch[i] * (1 - Momentum);
        return running;
    }

    private static double[] Numbers(EvalContext x, int index) => x.Input(index).Cast(DType.Float64).Span<double>().ToArray();

    private static Tensor Statistic(EvalContext x, double[] numbers) => Tensor.Vector<double>(numbers).Cast(x.Input(3).DType);
}
