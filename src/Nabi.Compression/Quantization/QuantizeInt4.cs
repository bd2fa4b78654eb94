using Nabi.Compression.Recipes;
using Nabi.Ops;
using Nabi.Passes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Weight-only quantization to int4, without data: batch normalization is folded, weights are rounded to the nearest of 16 symmetric steps, with one
/// scale per output channel or per group of input channels. Activations and biases stay floats. Of a few scales the one of least squared error is taken.
/// Depthwise and transposed convolutions stay in float: they hold few weights.
/// </summary>
public sealed record QuantizeInt4 : CompressionStep
{
    /// <summary>Input channels that share a scale (16, 32, 64 and 128 are usual); 0 is one scale per output channel. Default 32. Range 8 to 65536, or 0.</summary>
    public int GroupSize { get; init; } = 32;

    /// <summary>Leave the first layer in float? Default true: it holds few weights and sees every pixel.</summary>
    public bool KeepFirst { get; init; } = true;

    /// <summary>Leave the last layer in float? Default false.</summary>
    public bool KeepLast { get; init; }

    /// <summary>Names of layers to leave in float. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <inheritdoc/>
    public override string? Fault => GroupSize == 0 ? null : OutOfRange("group-size", GroupSize, 8, 65536);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var folded = FoldBatchNormalization.Pass.Apply(graph);
        var chosen = Chosen(folded);
        var stored = new Dictionary<Value, Value>();
        return folded.Rewrite((node, rewriter) =>
        {
            if (!chosen.TryGetValue(node, out var axes)) return null;
            context.Cancellation.ThrowIfCancellationRequested();
            var weight = node.Inputs[axes.Input]!;
            if (!stored.TryGetValue(weight, out var rounded)) stored[weight] = rounded = Store(weight, axes, rewriter.Builder);
            var inputs = node.Inputs.Select((v, i) => i == axes.Input ? rounded : v is null ? null : rewriter[v]).ToArray();
            return rewriter.Builder.ApplyNamed(node.Op, node.Name, 1, inputs, [node.Output.Name]);
        });
    }

    // A weight that several layers read along different axes is left alone.
    private Dictionary<Node, WeightAxes> Chosen(Graph graph)
    {
        var layers = graph.Nodes.Where(n => WeightAxes.Of(n) is not null).ToArray();
        foreach (var name in Keep)
            if (graph.Nodes.All(n => n.Name != name))
                throw new NabiException($"there is no node '{name}' to keep in float; layers are {string.Join(", ", layers.Select(l => l.Name))}");
        var chosen = new Dictionary<Node, WeightAxes>();
        foreach (var layer in layers)
        {
            if ((layer == layers[0] && KeepFirst) || (layer == layers[^1] && KeepLast) || Keep.Contains(layer.Name)) continue;
            var axes = WeightAxes.Of(layer)!.Value;
            var weight = layer.Inputs[axes.Input]!;
            if (layer.Op is ConvTranspose or Conv { Group: > 1 } || weight is not { DType: DType.Float32, IsUpdated: false, Shape.Count: > 0 }) continue;
            if (layers.All(l => !l.Inputs.Contains(weight) || WeightAxes.Of(l) == axes)) chosen[layer] = axes;
        }
        return chosen.Count > 0 ? chosen : throw new NabiException($"model '{graph.Name}' has no layer whose weights can be stored in 4 bits");
    }

    private Value Store(Value weight, WeightAxes axes, GraphBuilder b)
    {
        var shape = weight.Shape;
        var isGrouped = GroupSize > 0 && shape[axes.InputAxis] > GroupSize;
        var scaleShape = isGrouped ? shape.With(axes.InputAxis, (shape[axes.InputAxis] + GroupSize - 1) / GroupSize) : [shape[axes.OutputAxis]];
        var (axis, block) = isGrouped ? (axes.InputAxis, GroupSize) : (axes.OutputAxis, 0);
        var (numbers, scales) = Int4Rounding.Round(weight.Data!, axis, block, scaleShape);
        return b.ApplyNamed(new DequantizeLinear { Axis = axis, BlockSize = block }, $"{weight.Name}.dequantize", 1,
            [b.Constant(numbers, $"{weight.Name}.int4"), b.Constant(scales, $"{weight.Name}.unit"), null])[0];
    }
}

/// <summary>Writes <see cref="Quantization.QuantizeInt4"/> in recipes.</summary>
public static class QuantizeInt4Recipe
{
    /// <summary>Adds weight-only quantization to int4.</summary>
    public static Recipe QuantizeInt4(this Recipe recipe, Func<QuantizeInt4, QuantizeInt4>? settings = null) =>
        recipe.Then(settings?.Invoke(new QuantizeInt4()) ?? new QuantizeInt4());
}
