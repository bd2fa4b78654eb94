using Nabi.Compression.Distillation;
using Nabi.Compression.Recipes;
using Nabi.Ops;
using Nabi.Training;

namespace Nabi.Compression.Transfer;

/// <summary>
/// Net2DeeperNet: Chen, Goodfellow and Shlens 2016, "Net2Net", section 2.3: layers that compute the identity are put behind activations, so that the deeper network
/// computes what the shallower one did. A convolution begins with 1 in the middle of each channel's own kernel, a dense layer with the identity matrix; the activation behind
/// it is the one before it, which must be idempotent: ReLU, or a clip such as ReLU6.
/// </summary>
/// <remarks>
/// In networks with batch normalization the new convolutions get one, whose scale and shift are set to undo what it does to the activations of calibration samples
/// (section 2.3, last paragraph).
/// </remarks>
public sealed record Deepen : CompressionStep
{
    /// <summary>Names of the activations behind which a layer is put; the last of every image size when empty. Default empty.</summary>
    public ValueArray<string> Behind { get; init; } = [];

    /// <summary>Size of new convolutions' kernels, odd. Default 3. Range 1 to 15.</summary>
    public int Kernel { get; init; } = 3;

    /// <summary>Layers put one behind the other at each place. Default 1. Range 1 to 16.</summary>
    public int Layers { get; init; } = 1;

    /// <summary>Samples the statistics of new batch normalizations are measured on. Default 512.</summary>
    public int Samples { get; init; } = 512;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("kernel", Kernel, 1, 15) ?? (Kernel % 2 == 0 ? $"kernel is {Kernel} but must be odd" : null)
        ?? OutOfRange("layers", Layers, 1, 16) ?? OutOfRange("samples", Samples, 16, 1_000_000);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var places = Places(graph);
        var made = new List<string>();
        var normalizes = graph.Nodes.Any(n => n.Op is BatchNormalization);
        var deeper = graph.Rewrite((node, rewriter) => places.Contains(node) ? [Deeper(node, rewriter, made)] : null);
        context.Notes.Add($"{Name}: {made.Count} layers put behind {places.Count} activations.");
        var convolutions = deeper.Nodes.Where(n => n.Op is Conv && made.Contains(n.Name)).Select(n => n.Output.Name).ToArray();
        return normalizes && convolutions.Length > 0 ? new UnfoldBatchNorm { Samples = Samples }.Behind(deeper, convolutions, context) : deeper;
    }

    private HashSet<Node> Places(Graph graph)
    {
        if (Behind.IsEmpty)
        {
            var stages = Features.Stages(graph).Select(v => (v.Shape[2], v.Shape[3])).ToHashSet();
            var last = graph.Nodes.Where(n => IsIdempotent(n) && n.Output.Shape is { IsRanked: true, Rank: 4 } s && stages.Contains((s[2], s[3]))).GroupBy(n => (n.Output.Shape[2], n.Output.Shape[3])).Select(g => g.Last()).ToHashSet();
            return last.Count > 0 ? last : throw new NabiException("there is no ReLU or clip of images behind which a layer could be put; name activations with behind");
        }
        return [.. Behind.Select(name => graph.Nodes.FirstOrDefault(n => n.Name == name || n.Output.Name == name) is { } node && IsIdempotent(node) ? node
            : throw new NabiException($"'{name}' is no ReLU or clip with a known number of channels, behind which a layer would change nothing"))];
    }

    // phi(I phi(x)) = phi(x), over [N, C, H, W] or [N, C].
    private static bool IsIdempotent(Node node) => node.Op is Relu or Clip && node.Output is { DType: DType.Float32, Shape: { IsRanked: true, Rank: 2 or 4 } shape } && shape[1] != Shape.Unknown;

    private Value Deeper(Node activation, Rewriter rewriter, List<string> made)
    {
        var b = rewriter.Builder;
        var x = rewriter.With(activation, activation.Op)[0];
        for (var layer = 1; layer <= Layers; layer++)
        {
            var name = $"{activation.Name}.deeper{layer}";
            var weight = b.Parameter($"{name}.weight", Identity(x.Shape[1], x.Shape.Rank));
            var y = x.Shape.Rank == 2
                ? b.ApplyNamed(new Gemm { TransB = true }, name, 1, [x, weight, b.Parameter($"{name}.bias", Tensor.Zeros(DType.Float32, [x.Shape[1]]))])[0]
                : b.ApplyNamed(new Conv { Window = Window.Of(Kernel, pad: Kernel / 2) }, name, 1, [x, weight])[0];
            made.Add(y.Producer!.Name);
            x = b.ApplyNamed(activation.Op, $"{name}.activation", 1, [y, .. activation.Inputs.Skip(1).Select(rewriter.Map)])[0];
        }
        return x;
    }

    private Tensor Identity(int channels, int rank)
    {
        var weight = Tensor.Zeros(DType.Float32, rank == 2 ? [channels, channels] : [channels, channels, Kernel, Kernel]);
        var (kernel, middle) = rank == 2 ? (1, 0) : (Kernel * Kernel, Kernel * Kernel / 2);
        for (var c = 0; c < channels; c++) weight.Span<float>()[(c * channels + c) * kernel + middle] = 1;
        return weight;
    }
}

/// <summary>The step in fluent recipes.</summary>
public static class DeepenRecipe
{
    /// <summary>Makes the network deeper without changing what it computes; see <see cref="Transfer.Deepen"/>.</summary>
    public static Recipe Deepen(this Recipe recipe, Func<Deepen, Deepen>? settings = null) => recipe.Then(settings?.Invoke(new Deepen()) ?? new Deepen());
}
