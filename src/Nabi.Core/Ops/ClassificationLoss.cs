namespace Nabi.Ops;

/// <summary>
/// A loss of class scores [N, C, ...] against labels [N, ...] (Int32 or Int64, each in [0, C) or equal to <see cref="IgnoreIndex"/>), with
/// optional weights [C] of the classes. The loss is a scalar, or [N, ...] without reduction.
/// </summary>
public abstract record ClassificationLoss : Op
{
    /// <summary>Samples of this label count nothing; none are ignored when null. Default null.</summary>
    public long? IgnoreIndex { get; init; }

    /// <summary>What becomes of the samples' losses. Default mean.</summary>
    public LossReduction Reduction { get; init; } = LossReduction.Mean;

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, 4L * x.Input(0).Count, x.BytesRead, x.BytesWritten);

    /// <summary>Checks scores, labels and weights and gives the type of the loss.</summary>
    protected TensorType LossType(InferContext x, int weights)
    {
        var (scores, labels) = (x.RequireRank(0, 2), x.Shape(1));
        int[] expected = [scores[0], .. scores.Dims[2..]];
        if (!x.Input(1).DType.IsInteger() || !Shape.Create(expected).Accepts(labels))
            throw x.Fail($"labels {x.Input(1)} do not fit scores {scores}: integers of shape {Shape.Create(expected)} are needed");
        if (x.Has(weights) && !Shape.Create([scores[1]]).Accepts(x.Shape(weights)))
            throw x.Fail($"weights {x.Shape(weights)} do not fit {scores[1]} classes");
        return new TensorType(x.Input(0).DType, Reduction == LossReduction.None ? Shape.Create(expected) : Shape.Scalar);
    }

    /// <summary>The class and weight of every sample, and what the sum of the losses is divided by; ignored samples have class -1.</summary>
    protected (int[] Class, double[] Weight, double Divisor) Samples(Tensor labels, int classes, Tensor? weights)
    {
        var numbers = labels.ToInt64();
        var (of, weight) = (new int[numbers.Length], new double[numbers.Length]);
        ReadOnlySpan<double> byClass = weights is null ? [] : weights.Cast(DType.Float64).Span<double>();
        var total = 0.0;
        for (var i = 0; i < of.Length; i++)
        {
            of[i] = numbers[i] == IgnoreIndex ? -1 : numbers[i] >= 0 && numbers[i] < classes
                ? (int)numbers[i]
                : throw new NabiException($"a label is {numbers[i]}, but there are {classes} classes");
            weight[i] = of[i] < 0 ? 0 : weights is null ? 1 : byClass[of[i]];
            total += weight[i];
        }
        return (of, weight, Reduction == LossReduction.Mean ? total : 1);
    }

    /// <summary>The weighted, reduced loss of log-probabilities [N, C, ...].</summary>
    protected Tensor Loss(Tensor logarithms, Tensor labels, Tensor? weights)
    {
        var (of, weight, divisor) = Samples(labels, logarithms.Shape[1], weights);
        var inner = logarithms.Shape.CountOf(2, logarithms.Shape.Rank);
        var losses = new double[of.Length];
        var sum = 0.0;
        for (var i = 0; i < of.Length; i++)
        {
            if (of[i] >= 0) losses[i] = -weight[i] * logarithms.Span<double>()[(i / inner * logarithms.Shape[1] + of[i]) * inner + i % inner];
            sum += losses[i];
        }
        return Reduction == LossReduction.None ? Tensor.Of<double>(labels.Shape, losses) : Tensor.Scalar(sum / divisor);
    }

    /// <summary>
    /// As graph nodes: the labels one-hot over axis 1, and the factor of each sample [N, 1, ...], which is its weight times the incoming
    /// gradient, over the sum of the weights for a mean.
    /// </summary>
    protected (Value OneHot, Value Factor) Samples(GraphBuilder b, Value scores, Value labels, Value? weights, Value grad)
    {
        var classes = scores.Shape[1];
        if (classes == Shape.Unknown) throw new NabiException($"{Name}: the number of classes must be known to differentiate it.");
        var range = Tensor.Of<long>([classes], [.. Enumerable.Range(0, classes).Select(c => (long)c)]).Cast(labels.DType);
        var of = b.Unsqueeze(labels, 1);
        var oneHot = b.Cast(b.Equal(of, b.PerChannel(b.Constant(range), scores)), scores.DType);
        if (IgnoreIndex is { } ignored) oneHot = b.Mul(oneHot, b.Cast(b.Not(b.Equal(of, ignored)), scores.DType));
        var weight = b.ReduceSum(weights is null ? oneHot : b.Mul(oneHot, b.PerChannel(weights, scores)), [1]);
        var factor = b.Mul(weight, Reduction == LossReduction.None ? b.Unsqueeze(grad, 1) : grad);
        return (oneHot, Reduction == LossReduction.Mean ? b.Div(factor, b.ReduceSum(weight, [], keepdims: false)) : factor);
    }
}
