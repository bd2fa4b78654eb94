using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Where the largest or smallest element along the last axis stands.</summary>
internal static unsafe class SelectionLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(ArgMax)] = (g, p) => LowerSearch(g[0], p, 1);
        table[typeof(ArgMin)] = (g, p) => LowerSearch(g[0], p, -1);
    }

    private static bool LowerSearch(Node node, Planner planner, float sign)
    {
        var (op, data) = ((ArgReduction)node.Op, node.Inputs[0]!);
        if (!IsAlongLast(data, op.Axis)) return false;
        var (x, places) = (planner.Read(data), planner.Define(node.Output));
        var (columns, search) = (data.Shape[-1], new Selection.Search(sign, op.SelectLastIndex));
        var rows = data.Shape.Count / columns;
        planner.Emit(new Step(node.Name, $"select.{op.Name}", [x], [places], c => Selection.Find(c.Pool, rows, columns, search, x.Floats, (long*)places.Address)));
        return true;
    }

    private static bool IsAlongLast(Value data, int axis) =>
        data is { DType: DType.Float32, Shape: { Rank: > 0, Count: > 0 } shape } && shape.Axis(axis) == shape.Rank - 1;
}
