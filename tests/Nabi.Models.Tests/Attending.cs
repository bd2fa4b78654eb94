namespace Nabi.Models.Tests;

/// <summary>Runs one attention by itself.</summary>
internal static class Attending
{
    /// <summary>Normal numbers, [1, heads, tokens, width].</summary>
    public static Tensor Normal(ulong seed, int heads, int tokens, int width, double deviation = 1)
    {
        var rng = new Rng(seed);
        return Tensor.Of<float>([1, heads, tokens, width], [.. Enumerable.Range(0, heads * tokens * width).Select(_ => (float)(rng.NextGaussian() * deviation))]);
    }

    /// <summary>What an attention makes of queries, keys and values.</summary>
    public static float[] Run(Func<Feature, Feature, Feature, Feature> attend, Tensor q, Tensor k, Tensor v, ulong seed = 0, Func<Graph, Graph>? change = null)
    {
        var network = new Network("attention", new ModelOptions { Seed = seed });
        Feature Input(string name, Tensor like) => new(network, network.Builder.Input(name, DType.Float32, like.Shape.With(0, Shape.Unknown)));
        var graph = network.Finish(attend(Input("q", q), Input("k", k), Input("v", v)));
        graph = change?.Invoke(graph) ?? graph;
        return ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["q"] = q, ["k"] = k, ["v"] = v })["logits"].ToSingle();
    }

    /// <summary>softmax(Q K^T / sqrt(d)) V.</summary>
    public static Feature InFull(Feature q, Feature k, Feature v) => q.DotProductAttention(k, v);

    /// <summary>The root of the mean squared difference over the root of the mean square of what is expected.</summary>
    public static double RelativeError(float[] expected, float[] actual)
    {
        var (difference, size) = (0.0, 0.0);
        for (var i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow(expected[i] - actual[i], 2);
            size += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(difference / size);
    }
}
