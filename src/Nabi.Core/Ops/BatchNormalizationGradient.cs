namespace Nabi.Ops;

/// <summary>
/// The gradient of <see cref="BatchNormalization"/> in training mode (Ioffe and Szegedy 2015, section 3). Inputs: X [N, C, ...], Scale [C], dY of
/// X's shape and optionally the batch's mean [C] and inverse standard deviation [C], computed from X when absent.
/// Outputs: dX, dScale [C], dB [C]. With z = (X - mean) inverse and means over a channel,
/// dX = Scale inverse (dY - mean(dY) - z mean(dY z)), dScale = sum(dY z), dB = sum(dY).
/// </summary>
public sealed record BatchNormalizationGradient : Op
{
    /// <summary>Added to the variance. Default 1e-5.</summary>
    public float Epsilon { get; init; } = 1e-5f;

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (!x.RequireRank(0, 2).Accepts(x.Shape(2))) throw x.Fail($"the incoming gradient is {x.Shape(2)} where the input is {x.Shape(0)}");
        return new[] { x.Input(0), x.Input(1), x.Input(1) };
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, grad) = (x.Input(0).Cast(DType.Float64), x.Input(2).Cast(DType.Float64));
        var (mean, inverse) = Statistics(x, data);
        var channels = mean.Length;
        var inner = data.Shape.CountOf(2, data.Shape.Rank);
        ReadOnlySpan<double> values = data.Span<double>(), incoming = grad.Span<double>(), scale = x.Input(1).Cast(DType.Float64).Span<double>();
        var (ofScale, ofBias) = (new double[channels], new double[channels]);
        for (var i = 0; i < values.Length; i++)
        {
            var c = i / inner % channels;
            ofScale[c] += incoming[i] * (values[i] - mean[c]) * inverse[c];
            ofBias[c] += incoming[i];
        }
        var perChannel = Math.Max(1, values.Length / Math.Max(1, channels));
        var result = Tensor.Empty(DType.Float64, data.Shape);
        var ofData = result.Span<double>();
        for (var i = 0; i < values.Length; i++)
        {
            var c = i / inner % channels;
            var z = (values[i] - mean[c]) * inverse[c];
            ofData[i] = scale[c] * inverse[c] * (incoming[i] - ofBias[c] / perChannel - z * ofScale[c] / perChannel);
        }
        var type = x.Input(1).DType;
        return new[] { result.Cast(x.Input(0).DType), Tensor.Vector<double>(ofScale).Cast(type), Tensor.Vector<double>(ofBias).Cast(type) };
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(10);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x => Composed(g.Builder, x[0]!, x[1]!, x[2]!));

    // The statistics are written in terms of X again, so that the derivative through them is there too.
    private Value[] Composed(GraphBuilder b, Value data, Value scale, Value grad)
    {
        var count = b.Div(b.SumToChannels(b.OnesLike(data)), b.OnesLike(scale));
        Value Mean(Value v) => b.PerChannel(b.Div(b.SumToChannels(v), count), data);
        var centered = b.Sub(data, Mean(data));
        var deviation = b.Sqrt(b.Add(Mean(b.Mul(centered, centered)), b.Scalar(Epsilon, data)));
        var z = b.Div(centered, deviation);
        var ofData = b.Mul(b.Div(b.PerChannel(scale, data), deviation), b.Sub(b.Sub(grad, Mean(grad)), b.Mul(z, Mean(b.Mul(grad, z)))));
        return [ofData, b.SumToChannels(b.Mul(grad, z)), b.SumToChannels(grad)];
    }

    private (double[] Mean, double[] Inverse) Statistics(EvalContext x, Tensor data)
    {
        if (x.Optional(3) is { } mean && x.Optional(4) is { } inverse)
            return (mean.Cast(DType.Float64).Span<double>().ToArray(), inverse.Cast(DType.Float64).Span<double>().ToArray());
        var (m, v) = Moments.PerChannel(data);
        return (m, Array.ConvertAll(v, e => 1 / Math.Sqrt(e + Epsilon)));
    }
}
