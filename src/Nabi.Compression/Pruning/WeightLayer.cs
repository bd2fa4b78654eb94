namespace Nabi.Compression.Pruning;

/// <summary>The weight of a layer by name: what pruning of single weights works on.</summary>
/// <param name="Name">The parameter's name.</param>
/// <param name="Axes">Which of its axes are outputs and inputs.</param>
internal sealed record WeightLayer(string Name, WeightAxes Axes)
{
    /// <summary>The layers of a graph whose weights can be pruned: trainable Float32 weights of convolutions and dense layers, in the order they run.</summary>
    public static IReadOnlyList<WeightLayer> Of(Graph graph) => [.. WeightAxes.Layers(graph)
        .Where(l => l.Weight is { IsTrainable: true, DType: DType.Float32 }).Select(l => new WeightLayer(l.Weight.Name, l.Axes))];
}
