namespace Nabi.Ops;

/// <summary>
/// RMSProp (Tieleman and Hinton 2012, lecture 6.5) as PyTorch's RMSprop states it, for parameter p, gradient g, mean square s and velocity v:
/// g += WeightDecay p; s = Alpha s + (1 - Alpha) g^2; u = g / (sqrt(s) + Epsilon); p -= rate u, or with momentum v = Momentum v + u; p -= rate v.
/// Inputs: p, g, rate, s, and v when <see cref="Momentum"/> is not 0 (zeros at first). Outputs: p, s, and v.
/// </summary>
public sealed record RmsPropUpdate : OptimizerUpdate
{
    /// <summary>Share of the mean square that stays. Default 0.99.</summary>
    public float Alpha { get; init; } = 0.99f;

    /// <summary>Added to the root of the mean square. Default 1e-8.</summary>
    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Share of the velocity that stays, in [0, 1). Default 0: no velocity.</summary>
    public float Momentum { get; init; }

    /// <inheritdoc/>
    protected override int FirstState => 3;

    /// <inheritdoc/>
    protected override int StateCount => Momentum == 0 ? 1 : 2;

    /// <inheritdoc/>
    protected override void Step(Span<double> parameter, ReadOnlySpan<double> gradient, double learningRate, EvalContext x, ReadOnlySpan<Tensor> state)
    {
        var square = state[0].Span<double>();
        var velocity = state.Length < 2 ? [] : state[1].Span<double>();
        for (var i = 0; i < parameter.Length; i++)
        {
            var g = gradient[i] + WeightDecay * parameter[i];
            square[i] = Alpha * square[i] + (1 - (double)Alpha) * g * g;
            var step = g / (Math.Sqrt(square[i]) + Epsilon);
            if (!velocity.IsEmpty) step = velocity[i] = Momentum * velocity[i] + step;
            parameter[i] -= learningRate * step;
        }
    }
}
