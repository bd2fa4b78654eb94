namespace Nabi.Compression.Pruning;

/// <summary>What a criterion sees of a layer: its weights and what was measured of them, in one order, no layer type.</summary>
public sealed class WeightView
{
    private readonly float[] _weights;
    private readonly float[]? _gradients;
    private readonly float[]? _curvature;

    /// <summary>A view of a layer.</summary>
    /// <param name="name">The weight's name.</param>
    /// <param name="weights">Its numbers.</param>
    /// <param name="rng">Chance.</param>
    /// <param name="gradients">Gradients of the loss, for criteria that ask for them.</param>
    /// <param name="curvature">The diagonal of the loss' Hessian, for criteria that ask for it.</param>
    public WeightView(string name, float[] weights, Rng rng, float[]? gradients = null, float[]? curvature = null) =>
        (Name, _weights, Rng, _gradients, _curvature) = (name, weights, rng, gradients, curvature);

    /// <summary>The weight's name.</summary>
    public string Name { get; }

    /// <summary>Number of weights; a score is needed for each.</summary>
    public int Count => _weights.Length;

    /// <summary>Chance, for criteria that want it.</summary>
    public Rng Rng { get; }

    /// <summary>The weights.</summary>
    public ReadOnlySpan<float> Weights => _weights;

    /// <summary>The gradient of the mean loss of a batch with respect to each weight.</summary>
    /// <exception cref="InvalidOperationException">The criterion did not ask for it.</exception>
    public ReadOnlySpan<float> Gradients => _gradients ?? throw new InvalidOperationException($"No gradient of '{Name}' was computed.");

    /// <summary>The second derivative of the mean loss with respect to each weight, in the form of <see cref="LossCurvature"/>: never negative.</summary>
    /// <exception cref="InvalidOperationException">The criterion did not ask for it.</exception>
    public ReadOnlySpan<float> Curvature => _curvature ?? throw new InvalidOperationException($"No curvature of '{Name}' was computed.");
}
