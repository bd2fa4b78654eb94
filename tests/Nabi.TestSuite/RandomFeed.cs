namespace Nabi.TestSuite;

/// <summary>Inputs for any network: normal numbers for images, numbers of words for texts.</summary>
public static class RandomFeed
{
    /// <summary>A tensor for every input of the graph.</summary>
    /// <param name="graph">A network; whole numbers at its inputs are below the last dimension of its first output, the vocabulary.</param>
    /// <param name="rng">The source of chance.</param>
    /// <param name="batch">Samples, where the graph leaves them open.</param>
    public static Dictionary<string, Tensor> For(Graph graph, Rng rng, int batch = 1) =>
        graph.Inputs.ToDictionary(i => i.Name, i => Of(i, graph.Outputs[0].Value.Shape[-1], rng, batch));

    private static Tensor Of(Value input, int vocabulary, Rng rng, int batch)
    {
        var shape = input.Shape[0] == Shape.Unknown ? input.Shape.With(0, batch) : input.Shape;
        return input.DType == DType.Int64
            ? Tensor.Of<long>(shape, [.. Enumerable.Range(0, shape.Count).Select(_ => (long)rng.Next(vocabulary))])
            : Tensor.Of<float>(shape, [.. Enumerable.Range(0, shape.Count).Select(_ => (float)rng.NextGaussian())]);
    }
}
