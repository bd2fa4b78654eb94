namespace Nabi.Ops;

/// <summary>
/// Stochastic gradient descent with momentum in the form of Sutskever et al. 2013 as PyTorch's SGD states it, for parameter p, gradient g and velocity v:
/// g += WeightDecay p; v = Momentum v + g; p -= rate v, or rate (g + Momentum v) with <see cref="Nesterov"/>.
/// Inputs: p, g, rate, and v when <see cref="Momentum"/> is not 0 (zeros at first). Outputs: p, and v.
/// </summary>
public sealed record SgdUpdate : OptimizerUpdate
{
    /// <summary>Share of the velocity that stays, in [0, 1). Default 0: no velocity.</summary>
    public float Momentum { get; init; }

    /// <summary>Look ahead along the velocity (Nesterov 1983)? Default false.</summary>
    public bool Nesterov { get; init; }

    /// <inheritdoc/>
    protected override int FirstState => 3;

    /// <inheritdoc/>
    protected override int StateCount => Momentum == 0 ? 0 : 1;

    /// <inheritdoc/>
    protected override void Step(Span<double> parameter, ReadOnlySpan<double> gradient, double learningRate, EvalContext x, ReadOnlySpan<Tensor> state)
    {
        var velocity = state.IsEmpty ? [] : state[0].Span<double>();
        for (var i = 0; i < parameter.Length; i++)
        {
            var step = gradient[i] + WeightDecay * parameter[i];
            if (!velocity.IsEmpty)
            {
                velocity[i] = Momentum * velocity[i] + step;
                step = Nesterov ? step + Momentum * velocity[i] : velocity[i];
            }
            parameter[i] -= learningRate * step;
        }
    }
}
