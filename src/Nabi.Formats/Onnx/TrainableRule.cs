using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>
/// Which floating-point constants of an ONNX graph are weights that training changes. ONNX does not say, so it follows from where they
/// are read: weight and bias positions are, running statistics, scales, shapes and single numbers are not. Where a graph disagrees (frozen
/// layers, learned quantization scales), the file says so in the metadata property <see cref="ExceptionsKey"/>: one name a line, after + or -.
/// </summary>
internal static class TrainableRule
{
    /// <summary>The metadata property with the parameters that the rule gets wrong.</summary>
    public const string ExceptionsKey = "nabi.trainable";

    private static readonly Dictionary<string, int[]> Positions = new(StringComparer.Ordinal)
    {
        ["Conv"] = [1, 2],
        ["ConvTranspose"] = [1, 2],
        ["Gemm"] = [0, 1, 2],
        ["MatMul"] = [0, 1],
        ["BatchNormalization"] = [1, 2],
        ["InstanceNormalization"] = [1, 2],
        ["LayerNormalization"] = [1, 2],
        ["GroupNormalization"] = [1, 2],
        ["RMSNormalization"] = [1],
        ["PRelu"] = [1],
        ["LSTM"] = [1, 2, 3, 7],
        ["GRU"] = [1, 2, 3],
        ["RNN"] = [1, 2, 3],
        ["Gather"] = [0],
        ["Einsum"] = [0, 1],
        ["Add"] = [0, 1],
        ["Sub"] = [0, 1],
        ["Mul"] = [0, 1],
        ["Div"] = [0, 1],
    };

    // Arithmetic with one number is a formula, not a bias.
    private static readonly HashSet<string> NeedsSeveralElements = new(StringComparer.Ordinal) { "Add", "Sub", "Mul", "Div" };

    // A constant read through these is still the same weight.
    private static readonly HashSet<string> Transparent = new(StringComparer.Ordinal)
    {
        "Reshape", "Transpose", "Identity", "Squeeze", "Unsqueeze", "Flatten", "Cast", "FakeQuantize",
    };

    /// <summary>Does the rule take a tensor for a weight?</summary>
    public static bool IsWeight(IReadOnlyDictionary<string, bool> weights, string name, Tensor data) =>
        data.DType.IsFloat() && weights.TryGetValue(name, out var single) && (single || data.Count > 1);

    /// <summary>The text of <see cref="ExceptionsKey"/>; empty when the rule is right about every parameter.</summary>
    public static string Exceptions(IReadOnlyList<NodeProto> nodes, IEnumerable<(string Name, Value Parameter)> parameters)
    {
        var weights = Weights(nodes);
        return string.Join('\n', parameters.Where(p => IsWeight(weights, p.Name, p.Parameter.Data!) != p.Parameter.IsTrainable)
            .Select(p => (p.Parameter.IsTrainable ? '+' : '-') + p.Name));
    }

    /// <summary>Reads the text of <see cref="ExceptionsKey"/>.</summary>
    public static Dictionary<string, bool> ReadExceptions(string text)
    {
        var exceptions = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries)) exceptions[line[1..]] = line[0] == '+';
        return exceptions;
    }

    /// <summary>The names read in weight positions, and whether one element is enough there.</summary>
    public static Dictionary<string, bool> Weights(IReadOnlyList<NodeProto> nodes)
    {
        var weights = new Dictionary<string, bool>(StringComparer.Ordinal);
        for (var i = nodes.Count - 1; i >= 0; i--)
        {
            var node = nodes[i];
            if (Positions.TryGetValue(node.OpType, out var positions))
            {
                var single = !NeedsSeveralElements.Contains(node.OpType);
                foreach (var position in positions)
                    if (position < node.Input.Count) weights[node.Input[position]] = single || weights.GetValueOrDefault(node.Input[position]);
            }
            else if (Transparent.Contains(node.OpType) && node.Input.Count > 0 && node.Output.Count > 0 && weights.TryGetValue(node.Output[0], out var single))
            {
                weights[node.Input[0]] = single || weights.GetValueOrDefault(node.Input[0]);
            }
        }
        return weights;
    }
}
