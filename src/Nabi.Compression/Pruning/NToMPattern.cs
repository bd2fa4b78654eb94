namespace Nabi.Compression.Pruning;

/// <summary>N of every M weights that follow each other along the input channels stay (Mishra et al. 2021, Accelerating Sparse Deep Neural Networks).</summary>
internal sealed record NToMPattern(int N, int M) : WeightPattern
{
    /// <summary>Only weights whose input channels are a multiple of M.</summary>
    public override bool Fits(WeightAxes axes, Shape shape) => shape[axes.InputAxis] % M == 0;

    /// <inheritdoc/>
    public override void Prune(IReadOnlyList<ScoredWeight> layers, double sparsity, string scope)
    {
        foreach (var layer in layers) Prune(layer);
    }

    private void Prune(ScoredWeight layer)
    {
        var (scores, shape) = (layer.Scores, layer.Weights.Shape);
        var w = layer.Weights.Span<float>();
        var stride = shape.Strides()[layer.Axes.InputAxis];
        var order = new int[M];
        for (var i = 0; i < w.Length; i++)
        {
            if (i / stride % shape[layer.Axes.InputAxis] % M != 0) continue;
            for (var k = 0; k < M; k++) order[k] = i + k * stride;
            Array.Sort(order, (a, b) => scores[a] == scores[b] ? a.CompareTo(b) : scores[b].CompareTo(scores[a]));
            for (var k = N; k < M; k++) w[order[k]] = 0;
        }
    }
}
