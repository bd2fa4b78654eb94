using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>The largest element's place, and the first K elements in order, along the last axis.</summary>
internal static unsafe class SelectionLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(ArgMax)] = (g, p) => LowerSearch(g[0], p, 1);
        table[typeof(ArgMin)] = (g, p) => LowerSearch(g[0], p, -1);
        table[typeof(TopK)] = (g, p) => LowerTopK(g[0], p);
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

    private static bool LowerTopK(Node node, Planner planner)
    {
        var (op, data) = ((TopK)node.Op, node.Inputs[0]!);
        if (!IsAlongLast(data, op.Axis) || node.Outputs.Count != 2) return false;
        var (x, values, places) = (planner.Read(data), planner.Define(node.Outputs[0]), planner.Define(node.Outputs[1]));
        var (columns, count) = (data.Shape[-1], values.Shape[-1]);
        var rows = data.Shape.Count / columns;
        var scratch = Planner.Scratch(node.Name, DType.Int64, (long)columns * planner.Options.Threads);
        planner.Emit(new Step(node.Name, "select.TopK", [x], [values, places], c =>
            Selection.First(c.Pool, rows, columns, count, op.Largest, x.Floats, values.Floats, (long*)places.Address, (ulong*)scratch.Address))
        {
            Scratch = [scratch],
        });
        return true;
    }

    private static bool IsAlongLast(Value data, int axis) =>
        data is { DType: DType.Float32, Shape: { Rank: > 0, Count: > 0 } shape } && shape.Axis(axis) == shape.Rank - 1;
}
