namespace Nabi.Ops;

/// <summary>
/// Adam (Kingma and Ba 2015, algorithm 1) for parameter p, gradient g, moments m and v at step t = 1, 2, ...:
/// m = Beta1 m + (1 - Beta1) g; v = Beta2 v + (1 - Beta2) g^2; p -= rate (m / (1 - Beta1^t)) / (sqrt(v / (1 - Beta2^t)) + Epsilon).
/// The weight decay is added to the gradient or, when <see cref="Decoupled"/>, applied to the parameter itself: p -= rate WeightDecay p
/// (AdamW, Loshchilov and Hutter 2019, algorithm 2).
/// Inputs: p, g, rate, t (a scalar of any type), m, v (zeros at first). Outputs: p, m, v.
/// </summary>
public sealed record AdamUpdate : OptimizerUpdate
{
    /// <summary>Share of the first moment that stays. Default 0.9.</summary>
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Share of the second moment that stays. Default 0.999.</summary>
    public float Beta2 { get; init; } = 0.999f;

    /// <summary>Added to the root of the second moment. Default 1e-8.</summary>
    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Decay the weights apart from the gradient? Default false.</summary>
    public bool Decoupled { get; init; }

    /// <inheritdoc/>
    protected override int FirstState => 4;

    /// <inheritdoc/>
    protected override int StateCount => 2;

    /// <inheritdoc/>
    protected override void Step(Span<double> parameter, ReadOnlySpan<double> gradient, double learningRate, EvalContext x, ReadOnlySpan<Tensor> state)
    {
        Span<double> first = state[0].Span<double>(), second = state[1].Span<double>();
        var t = x.Input(3).Item();
        var (correct1, correct2) = (1 - Math.Pow(Beta1, t), 1 - Math.Pow(Beta2, t));
        for (var i = 0; i < parameter.Length; i++)
        {
            var g = gradient[i] + (Decoupled ? 0 : WeightDecay * parameter[i]);
            first[i] = Beta1 * first[i] + (1 - (double)Beta1) * g;
            second[i] = Beta2 * second[i] + (1 - (double)Beta2) * g * g;
            if (Decoupled) parameter[i] -= learningRate * WeightDecay * parameter[i];
            parameter[i] -= learningRate * (first[i] / correct1) / (Math.Sqrt(second[i] / correct2) + Epsilon);
        }
    }
}
