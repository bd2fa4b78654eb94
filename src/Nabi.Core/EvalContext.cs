namespace Nabi;

/// <summary>What an operator may ask while it is evaluated: its inputs' values.</summary>
public sealed class EvalContext
{
    private readonly IReadOnlyList<Tensor?> _inputs;

    /// <summary>A context over input values.</summary>
    /// <param name="inputs">One per input; null where an optional input is absent.</param>
    /// <param name="outputCount">Outputs the node has.</param>
    /// <param name="rng">The source of chance for operators that need one.</param>
    public EvalContext(IReadOnlyList<Tensor?> inputs, int outputCount, Rng rng)
    {
        (_inputs, OutputCount, Rng) = (inputs, outputCount, rng);
    }

    /// <summary>Outputs the node has; operators with optional outputs return at least as many.</summary>
    public int OutputCount { get; }

    /// <summary>Inputs given, including absent optional ones in between.</summary>
    public int InputCount => _inputs.Count;

    /// <summary>The source of chance (Dropout).</summary>
    public Rng Rng { get; }

    /// <summary>A required input.</summary>
    public Tensor Input(int index) => _inputs[index] ?? throw new InvalidOperationException($"Input {index} is absent.");

    /// <summary>An optional input.</summary>
    public Tensor? Optional(int index) => index < _inputs.Count ? _inputs[index] : null;

    /// <summary>The elements of a required input.</summary>
    public ReadOnlySpan<T> Span<T>(int index) where T : unmanaged => Input(index).Span<T>();

    /// <summary>The integers of an optional input (axes, shapes, pads).</summary>
    public long[]? Integers(int index) => Optional(index)?.ToInt64();
}
