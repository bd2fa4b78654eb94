using Nabi.Ops;
using Nabi.Runtime.Planning.Lowering;

namespace Nabi.Runtime.Planning;

/// <summary>Values that a kernel for channels-last images reads, directly or through elementwise nodes: where the choice is free, they are made so.</summary>
internal static class LayoutWishes
{
    private static readonly HashSet<Type> ImageOps =
    [
        typeof(Conv), typeof(ConvTranspose), typeof(ConvInputGradient), typeof(ConvWeightGradient), typeof(BatchNormalization), typeof(BatchNormalizationGradient),
        typeof(MaxPool), typeof(MaxPoolGradient), typeof(AveragePool), typeof(AveragePoolGradient), typeof(Shift), typeof(AdderConv),
        typeof(AdderConvInputGradient),
    ];

    /// <summary>The values of a graph that wish to lie channels-last.</summary>
    public static HashSet<Value> Of(Graph graph)
    {
        var wishes = new HashSet<Value>();
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            var node = graph.Nodes[i];
            var passes = ImageOps.Contains(node.Op.GetType()) || ((ElementRules.Knows(node) || node.Op is QuantizeLinear or DequantizeLinear or Concat or Gather { Axis: 1 }) && wishes.Contains(node.Output));
            if (!passes) continue;
            foreach (var input in node.Inputs)
                if (input is { Data: null } && input.Shape.Rank > 2) wishes.Add(input);
        }
        return wishes;
    }
}
