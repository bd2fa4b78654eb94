using Nabi.Compression.Quantization;
using Nabi.Passes;

namespace Nabi.Compression.Diagnosis;

/// <summary>A layer in the original and in the compressed network.</summary>
/// <param name="Original">In the original, batch normalization folded.</param>
/// <param name="Compressed">In the compressed network.</param>
/// <param name="Axes">Where the original keeps its weight.</param>
internal sealed record LayerPair(Node Original, Node Compressed, WeightAxes Axes)
{
    /// <summary>The original's weight.</summary>
    public Tensor Weight => Original.Inputs[Axes.Input]!.Data!;

    /// <summary>The layer's output in the original, after its bias and activation.</summary>
    public Value Tail { get; } = QuantizationSites.TailOf(Original);

    /// <summary>Have the weights the same shape, so that the layer can be put back?</summary>
    public bool CanBePutBack => Weight.Shape.Equals(Compressed.Inputs[Axes.Input]!.Shape);
}

/// <summary>The layers that two networks have in common.</summary>
internal sealed class LayerPairs
{
    private LayerPairs(Graph original, Graph compressed, IReadOnlyList<LayerPair> all) => (Original, Compressed, All) = (original, compressed, all);

    /// <summary>The original, batch normalization folded.</summary>
    public Graph Original { get; }

    /// <summary>The compressed network, batch normalization folded.</summary>
    public Graph Compressed { get; }

    /// <summary>The pairs, in the compressed network's order.</summary>
    public IReadOnlyList<LayerPair> All { get; }

    /// <summary>Matches the layers by the names and operators of their nodes.</summary>
    /// <exception cref="NabiException">There is no pair.</exception>
    public static LayerPairs Of(Graph original, Graph compressed)
    {
        var (before, after) = (Prepared(original), Prepared(compressed));
        var layers = before.Nodes.Where(n => WeightAxes.Of(n) is not null).ToDictionary(n => n.Name, StringComparer.Ordinal);
        var pairs = new List<LayerPair>();
        foreach (var node in after.Nodes)
            if (layers.TryGetValue(node.Name, out var twin) && twin.Op.GetType() == node.Op.GetType() && node.Inputs.Count >= 2)
                pairs.Add(new LayerPair(twin, node, WeightAxes.Of(twin)!.Value));
        return pairs.Count > 0 ? new LayerPairs(before, after, pairs)
            : throw new NabiException($"'{original.Name}' and '{compressed.Name}' have no layer of the same name and operator; give the network that was compressed and what became of it.");
    }

    // Recipes begin with the simplified graph, and quantization with folded normalization.
    private static Graph Prepared(Graph graph) => FoldBatchNormalization.Pass.Apply(graph.Through([.. Simplification.Standard]));
}
