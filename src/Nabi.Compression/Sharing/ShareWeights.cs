using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;
using Nabi.Ops;
using Nabi.Passes;

namespace Nabi.Compression.Sharing;

/// <summary>
/// Weights of a layer share a few values (Han et al. 2016, "Deep Compression", section 3): weights are grouped, each becomes the index of its group's value, and the
/// values are trained with the gradients of their weights added up (equation 3). Weights that are zero stay zero and take one of the indices. Batch normalization
/// is folded first. A .nabi file codes the indices; the runtime makes floats of them when a session begins.
/// </summary>
/// <remarks>The paper gives every layer 2^bits values besides zero; here zero is one of them, so that an index never needs more bits.</remarks>
public sealed record ShareWeights : CompressionStep
{
    /// <summary>Values of a dense layer: 2^bits, zero among them. Default 5, as the paper's for dense layers. Range 1 to 8.</summary>
    public int Bits { get; init; } = 5;

    /// <summary>Values of a convolution: 2^bits, zero among them. Default 8, as the paper's for convolutions. Range 1 to 8.</summary>
    public int ConvBits { get; init; } = 8;

    /// <summary>Values of a bias, where that makes it smaller: 2^bits; 0 leaves biases as they are. Default 0, as in the paper. Range 0 to 8.</summary>
    public int BiasBits { get; init; }

    /// <summary>How weights are grouped: one of <see cref="Clustering.Names"/>. Default kmeans.</summary>
    public string Method { get; init; } = "kmeans";

    /// <summary>Where the grouping starts: one of <see cref="CentroidStart.Names"/> (section 3.2). Default linear, which the paper found best.</summary>
    public string Initialisation { get; init; } = "linear";

    /// <summary>Epochs that train the values afterwards, learning from the teacher where there is one. Default 2; 0 does not train.</summary>
    public int Epochs { get; init; } = 2;

    /// <summary>The learning rate at the start. Default 0.0001: gradients of thousands of weights add up.</summary>
    public double Rate { get; init; } = 1e-4;

    /// <summary>Share of the loss that comes from the teacher, 0 to 1. Default 0.5; without a teacher there is none.</summary>
    public double Alpha { get; init; } = 0.5;

    /// <summary>Names of layers to leave alone. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <inheritdoc/>
    public override bool Trains => Epochs > 0;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("bits", Bits, 1, 8) ?? OutOfRange("conv-bits", ConvBits, 1, 8) ?? OutOfRange("bias-bits", BiasBits, 0, 8)
        ?? NotAmong("method", Method, Clustering.Names) ?? NotAmong("initialisation", Initialisation, CentroidStart.Names)
        ?? OutOfRange("epochs", Epochs, 0, 10_000) ?? Training(1).Fault;

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var shared = Share(FoldBatchNormalization.Pass.Apply(graph), context);
        return Epochs == 0 ? shared : Training(Epochs).Apply(shared, context);
    }

    /// <summary>The graph with shared weights, not trained yet.</summary>
    internal Graph Share(Graph graph, CompressionContext context)
    {
        var bits = BitsOf(graph);
        if (bits.Count == 0) throw new NabiException($"model '{graph.Name}' has no float weights that can share values");
        var (method, start, rng) = (Clustering.Of(Method), CentroidStart.Of(Initialisation), context.RngFor(0x5A4E));
        var stored = new Dictionary<Value, Value>();
        return graph.Rewrite((node, rewriter) =>
        {
            if (!node.Inputs.Any(v => v is not null && bits.ContainsKey(v))) return null;
            context.Report($"sharing the weights of {node.Name}");
            var inputs = node.Inputs.Select(v => v is null ? null : bits.TryGetValue(v, out var b) ? Stored(v, b, rewriter.Builder) : rewriter[v]).ToArray();
            return rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs, [.. node.Outputs.Select(o => o.Name)]);
        });

        Value Stored(Value weight, int width, GraphBuilder b)
        {
            if (!stored.TryGetValue(weight, out var value)) stored[weight] = value = SharedTensor.Of(weight.Data!, 1 << width, method, start, rng).Build(b, weight.Name);
            return value;
        }
    }

    // Which parameters share values, and how many bits their indices have.
    private Dictionary<Value, int> BitsOf(Graph graph)
    {
        foreach (var name in Keep)
            if (graph.Nodes.All(n => n.Name != name)) throw new NabiException($"there is no node '{name}' to keep; layers are {string.Join(", ", WeightAxes.Layers(graph).Select(l => l.Node.Name))}");
        var bits = new Dictionary<Value, int>();
        foreach (var (node, weight, _) in WeightAxes.Layers(graph))
            if (weight is { IsTrainable: true, IsUpdated: false, DType: DType.Float32, Shape.Count: > 0 } && !Keep.Contains(node.Name))
                bits[weight] = node.Op is Conv or ConvTranspose ? ConvBits : Bits;
        if (BiasBits == 0) return bits;
        foreach (var p in graph.Parameters)
            if (p is { IsTrainable: true, IsUpdated: false, DType: DType.Float32, Shape.Rank: 1 } && p.Shape.Count > 2 << BiasBits
                && p.Users.All(n => n.Op is Conv or ConvTranspose or Gemm or Add && !Keep.Contains(n.Name))) bits[p] = BiasBits;
        return bits;
    }

    private FineTune Training(int epochs) => new() { Epochs = epochs, Rate = Rate, Alpha = Alpha, Decay = 0 };
}

/// <summary>Writes <see cref="Sharing.ShareWeights"/> in recipes.</summary>
public static class ShareWeightsRecipe
{
    /// <summary>Adds weight sharing.</summary>
    public static Recipe ShareWeights(this Recipe recipe, Func<ShareWeights, ShareWeights>? settings = null) =>
        recipe.Then(settings?.Invoke(new ShareWeights()) ?? new ShareWeights());
}
