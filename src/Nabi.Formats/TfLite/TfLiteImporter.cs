using Nabi.Passes;

namespace Nabi.Formats;

/// <summary>Turns one TensorFlow Lite model into a graph: its main subgraph, operator by operator.</summary>
internal static class TfLiteImporter
{
    private const int MaxNamed = 12;

    private static readonly Dictionary<string, Action<TfLiteNode>> Operators = Table();

    // What works on images; an input that one of these reads, perhaps behind elementwise operators, is an image.
    private static readonly HashSet<string> OnImages = new(StringComparer.Ordinal)
    {
        "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "AVERAGE_POOL_2D", "MAX_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE",
    };

    private static readonly HashSet<string> KeepsImages = new(StringComparer.Ordinal)
    {
        "QUANTIZE", "DEQUANTIZE", "PAD", "PADV2", "MIRROR_PAD", "ADD", "SUB", "MUL", "DIV", "RELU", "RELU6", "CAST", "LOGISTIC", "TANH", "HARD_SWISH", "CONCATENATION", "STRIDED_SLICE",
        "SLICE", "SPLIT", "MAXIMUM", "MINIMUM", "PRELU", "LEAKY_RELU",
    };

    /// <summary>The graph of a model.</summary>
    /// <exception cref="NabiException">It uses something Nabi does not have, or does not fit together; the message names the operator.</exception>
    public static Graph Import(TfLiteModel model)
    {
        Check(model);
        var builder = new GraphBuilder(model.Name.Length > 0 ? model.Name : "graph");
        var values = new TfLiteValues(model.Tensors, builder);
        DefineInputs(model, values);
        foreach (var op in model.Operators) CheckedApply.Run($"{op.Index}", op.Name, () => Import(op, values));
        DefineOutputs(model, values);
        var graph = RemoveIdentity.Pass.Run(builder.Build());
        return Verifier.FirstFault(graph) is { } fault ? throw new NabiException(fault) : graph;
    }

    private static Dictionary<string, Action<TfLiteNode>> Table()
    {
        var table = new Dictionary<string, Action<TfLiteNode>>(StringComparer.Ordinal);
        TfLiteConvolutions.AddTo(table);
        TfLiteElementwise.AddTo(table);
        TfLiteReductions.AddTo(table);
        TfLiteShapes.AddTo(table);
        return table;
    }

    // Everything that is missing in one sentence, before any work is done.
    private static void Check(TfLiteModel model)
    {
        var missing = model.Operators.Where(o => o.IsCustom || !Operators.ContainsKey(o.Name)).DistinctBy(o => (o.Name, o.IsCustom)).ToArray();
        if (missing.Length == 0) return;
        var named = string.Join(", ", missing.Take(MaxNamed).Select(o => $"{(o.IsCustom ? $"the custom operator '{o.Name}'" : o.Name)} (operator {o.Index}, version {o.Version})"));
        var more = missing.Length > MaxNamed ? $" and {missing.Length - MaxNamed} more" : "";
        throw new NabiException($"it needs operators that Nabi does not have: {named}{more}; convert the model without them.");
    }

    private static void Import(TfLiteOperator op, TfLiteValues values)
    {
        foreach (var output in op.Outputs)
            if (values.All[output].IsDefined) throw new NabiException($"tensor '{values.All[output].Tensor.Name}' is made twice; the file is damaged");
        Operators[op.Name](new TfLiteNode(values, op));
    }

    private static void DefineInputs(TfLiteModel model, TfLiteValues values)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var index in model.Inputs)
        {
            var input = values.All[index];
            var tensor = input.Tensor;
            if (input.IsDefined) throw new NabiException($"input '{tensor.Name}' is a constant, or named twice; the file is damaged");
            var type = tensor.IsQuantized ? DType.Float32 : tensor.Type ?? throw new NabiException($"input '{tensor.Name}' has an element type that is not supported");
            var layout = tensor.Dims.Length == 4 && ReachesImages(model, index) ? ImageLayout.ChannelsFirst : ImageLayout.Filed;
            var shape = layout == ImageLayout.Filed ? tensor.Shape : Shape.Create(TfLiteValues.InOrder(layout, tensor.Shape.Dims.ToArray()));
            values.Define(input, values.Builder.Input(tensor.Name, type, shape), layout);
            if (layout == ImageLayout.ChannelsFirst && model.Inputs.Count == 1) PixelRange.Describe(tensor, shape[1], metadata);
        }
        values.Builder.Metadata = metadata;
    }

    private static bool ReachesImages(TfLiteModel model, int input)
    {
        var reached = new HashSet<int> { input };
        foreach (var op in model.Operators)
        {
            if (!op.Inputs.Any(reached.Contains)) continue;
            if (OnImages.Contains(op.Name)) return true;
            if (KeepsImages.Contains(op.Name)) reached.UnionWith(op.Outputs);
        }
        return false;
    }

    // Images that are a result stay as they were computed.
    private static void DefineOutputs(TfLiteModel model, TfLiteValues values)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var index in model.Outputs)
        {
            var output = values.All[index];
            if (!output.IsDefined) throw new NabiException($"output '{output.Tensor.Name}' is not made by any operator");
            var layout = output.HasChannelsFirst ? ImageLayout.ChannelsFirst : ImageLayout.Filed;
            var name = output.Tensor.Name;
            for (var i = 1; !names.Add(name); i++) name = $"{output.Tensor.Name}_{i}";
            values.Builder.Output(name, values.Real(output, layout));
        }
    }
}
