using LayerNormKernel = Nabi.Runtime.Kernels.LayerNormalization;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Layer normalization over the last axes.</summary>
internal static unsafe class LayerNormLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table) => table[typeof(Ops.LayerNormalization)] = (g, p) => Lower(g[0], p);

    private static bool Lower(Node node, Planner planner)
    {
        var (op, data) = ((Ops.LayerNormalization)node.Op, node.Inputs[0]!);
        var columns = data.Shape.CountOf(data.Shape.Axis(op.Axis), data.Shape.Rank);
        if (node.Inputs.Any(v => v is { DType: not DType.Float32 }) || data.Shape.Count == 0) return false;
        if (node.Inputs.Skip(1).Any(v => v is not null && v.Shape.Count != columns)) return false;
        var (x, scale, y) = (planner.Read(data), planner.Read(node.Inputs[1]!), planner.Define(node.Outputs[0]));
        var bias = node.Inputs.Count > 2 && node.Inputs[2] is { } given ? planner.Read(given) : null;
        var statistics = node.Outputs.Skip(1).Select(v => planner.Define(v)).ToArray();
        var rows = data.Shape.Count / columns;
        planner.Emit(new Step(node.Name, "layernorm", [x, scale, .. bias is null ? [] : (Slot[])[bias]], [y, .. statistics], c =>
            LayerNormKernel.Run(c.Pool, rows, columns, op.Epsilon, x.Floats, scale.Floats, bias is null ? null : bias.Floats, y.Floats,
                statistics.Length > 0 ? statistics[0].Floats : null, statistics.Length > 1 ? statistics[1].Floats : null))
        {
            InPlace = [(0, x)],
        });
        return true;
    }
}
