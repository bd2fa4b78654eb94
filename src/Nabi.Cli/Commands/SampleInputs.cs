namespace Nabi.Cli.Commands;

/// <summary>Inputs for measuring time: the same random numbers every time.</summary>
internal static class SampleInputs
{
    /// <summary>A tensor for every input: random in [0, 1) where it is floating-point, zeros elsewhere.</summary>
    /// <exception cref="NabiException">A shape is not known.</exception>
    public static IReadOnlyDictionary<string, Tensor> For(Graph graph) => graph.Inputs.ToDictionary(i => i.Name, Noise, StringComparer.Ordinal);

    private static Tensor Noise(Value input)
    {
        if (!input.Shape.IsKnown) throw new NabiException($"Input '{input.Name}' is {input.Type}; only its batch may be unknown to measure it.");
        if (input.DType != DType.Float32) return Tensor.Zeros(input.DType, input.Shape);
        var rng = new Rng(1);
        var tensor = Tensor.Empty(input.DType, input.Shape);
        foreach (ref var x in tensor.Span<float>()) x = rng.NextSingle();
        return tensor;
    }
}
