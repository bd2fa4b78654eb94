using Nabi.Ops;
using Nabi.Passes;

namespace Nabi.Compression.Quantization.Binary;

/// <summary>
/// Rewrites layers to their binary form and trained ones to what is stored. A layer whose activations are binary reads normalized inputs: batch normalization, activation, layer, in the order of
/// Rastegari et al. 2016, figure 3.
/// </summary>
/// <param name="layers">The layers.</param>
/// <param name="method">The method.</param>
/// <param name="inputScaling">Multiply results by the mean magnitude of the inputs each window sees?</param>
internal sealed class BinaryInsertion(IReadOnlyCollection<Node> layers, BinaryMethod method, bool inputScaling)
{
    private readonly HashSet<string> _names = layers.Select(l => l.Name).ToHashSet(StringComparer.Ordinal);

    /// <summary>The names of the layers' weights.</summary>
    public ValueArray<string> Weights { get; } = [.. layers.Select(l => l.Inputs[WeightAxes.Of(l)!.Value.Input]!.Name).Distinct(StringComparer.Ordinal)];

    /// <summary>The graph to train.</summary>
    public Graph Insert(Graph graph) => graph.WithParameters(Weights.ToDictionary(w => w, w => method.Start(graph.Parameter(w)!.Data!), StringComparer.Ordinal)).Rewrite((node, r) => _names.Contains(node.Name) ? Layer(node, r) : null);

    /// <summary>A trained graph with its weights as integers and scales.</summary>
    public Graph Store(Graph trained)
    {
        var plain = trained.Through(RemoveStraightThrough.Pass);
        return plain.Rewrite((node, r) => _names.Contains(node.Name) ? Stored(node, r, plain) : null);
    }

    private IReadOnlyList<Value> Layer(Node node, Rewriter r)
    {
        var (b, axes) = (r.Builder, WeightAxes.Of(node)!.Value);
        var inputs = node.Inputs.Select(r.Map).ToArray();
        inputs[axes.Input] = method.Weight(b, inputs[axes.Input]!, axes.OutputAxis);
        var x = inputs[0]!;
        if (method.HasActivations)
        {
            x = Normalized(b, x, $"{node.Name}.input");
            inputs[0] = method.Activation(b, x);
        }
        var scale = inputScaling && method.HasActivations ? Scale(b, node, x) : null;
        var bias = scale is not null && inputs.Length > 2 ? inputs[2] : null;
        var isLast = scale is null && !NeedsNormalization(node);
        var y = b.ApplyNamed(node.Op, node.Name, 1, bias is null ? inputs : inputs[..2], isLast ? [node.Output.Name] : null)[0];
        if (scale is not null) y = b.Mul(y, scale);
        if (bias is not null) y = b.Add(y, b.Reshape(bias, Shape.Create([.. Enumerable.Range(0, node.Output.Shape.Rank).Select(a => a == 1 ? bias.Shape.Count : 1)])));
        return [NeedsNormalization(node) ? Normalized(b, y, $"{node.Name}.output") : y];
    }

    private bool NeedsNormalization(Node node) => method.NormalizesOutputs && !node.Output.IsOutput && !node.Output.Users.Any(u => u.Op is BatchNormalization);

    private static Value Normalized(GraphBuilder b, Value x, string name)
    {
        Shape channels = [x.Shape[1]];
        return b.ApplyNamed(new BatchNormalization(), $"{name}.bn", 1,
        [
            x,
            b.Parameter($"{name}.bn.weight", Tensor.Full(channels, 1f)),
            b.Parameter($"{name}.bn.bias", Tensor.Zeros(DType.Float32, channels)),
            b.Parameter($"{name}.bn.running_mean", Tensor.Zeros(DType.Float32, channels), trainable: false),
            b.Parameter($"{name}.bn.running_var", Tensor.Full(channels, 1f), trainable: false),
        ])[0];
    }

    // K of equation 11: the mean magnitude over the channels, averaged by a box over what each window sees.
    private static Value Scale(GraphBuilder b, Node node, Value x)
    {
        var mean = b.ReduceMean(b.Abs(x), [1]);
        if (node.Op is not Conv conv) return mean;
        var kernel = node.Inputs[1]!.Shape.Dims[2..].ToArray();
        Shape shape = Shape.Create([1, 1, .. kernel]);
        return b.ApplyNamed(new Conv { Window = conv.Window }, $"{node.Name}.scale", 1, [mean, b.Constant(Tensor.Full(shape, 1f / shape.Count))])[0];
    }

    private IReadOnlyList<Value> Stored(Node node, Rewriter r, Graph plain)
    {
        var original = layers.First(l => l.Name == node.Name);
        var axes = WeightAxes.Of(original)!.Value;
        var weight = original.Inputs[axes.Input]!;
        var stored = method.Store(plain.Parameter(weight.Name)!.Data!, axes.OutputAxis);
        var inputs = node.Inputs.Select(r.Map).ToArray();
        // Four bits are the fewest that ONNX and the runtime have.
        inputs[axes.Input] = r.Builder.ApplyNamed(new DequantizeLinear { Axis = axes.OutputAxis }, $"{weight.Name}.dequantized", 1,
            [r.Builder.Constant(stored.Numbers.Cast(DType.Int4), $"{weight.Name}.signs"), r.Builder.Constant(Tensor.Vector<float>(stored.Scales), $"{weight.Name}.scale")])[0];
        return r.Builder.ApplyNamed(node.Op, node.Name, 1, inputs, [node.Output.Name]);
    }
}
