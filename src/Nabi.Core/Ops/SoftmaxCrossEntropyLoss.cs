namespace Nabi.Ops;

/// <summary>
/// ONNX <c>SoftmaxCrossEntropyLoss</c>: -weight[label] log softmax(scores)[label]. Inputs: scores [N, C, ...], labels [N, ...] and optional weights
/// [C]. Outputs: the loss, and optionally the log-probabilities of the scores' shape.
/// </summary>
public sealed record SoftmaxCrossEntropyLoss : ClassificationLoss
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new[] { LossType(x, 2), x.Input(0) };

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var logarithms = LogProbabilities(x.Input(0).Cast(DType.Float64));
        return new[] { Loss(logarithms, x.Input(1), x.Optional(2)).Cast(x.Input(0).DType), logarithms.Cast(x.Input(0).DType) };
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        Value? ofScores = null;
        if (g.GradOrNull(0) is { } grad)
            ofScores = b.Apply(new SoftmaxCrossEntropyGradient { IgnoreIndex = IgnoreIndex, Reduction = Reduction },
                g.Input(0), g.Input(1), grad, g.Has(2) ? g.Input(2) : null);
        if (g.GradOrNull(1) is { } ofLogarithms)
        {
            var part = b.Sub(ofLogarithms, b.Mul(b.Exp(g.Output(1)), b.ReduceSum(ofLogarithms, [1])));
            ofScores = ofScores is null ? part : b.Add(ofScores, part);
        }
        return [ofScores, null, null];
    }

    /// <summary>log softmax over axis 1, less the largest score for safety.</summary>
    internal static Tensor LogProbabilities(Tensor scores)
    {
        var (classes, inner) = (scores.Shape[1], scores.Shape.CountOf(2, scores.Shape.Rank));
        var result = Tensor.Empty(DType.Float64, scores.Shape);
        Span<double> from = scores.Span<double>(), to = result.Span<double>();
        for (var i = 0; i < scores.Shape[0] * inner; i++)
        {
            var first = i / inner * classes * inner + i % inner;
            var largest = double.NegativeInfinity;
            for (var c = 0; c < classes; c++) largest = Math.Max(largest, from[first + c * inner]);
            var sum = 0.0;
            for (var c = 0; c < classes; c++) sum += Math.Exp(from[first + c * inner] - largest);
            for (var c = 0; c < classes; c++) to[first + c * inner] = from[first + c * inner] - largest - Math.Log(sum);
        }
        return result;
    }
}
