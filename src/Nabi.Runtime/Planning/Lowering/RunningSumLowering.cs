using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Running sums of floats.</summary>
internal static unsafe class RunningSumLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table) => table[typeof(CumSum)] = (g, p) => Lower(g[0], p);

    private static bool Lower(Node node, Planner planner)
    {
        var (op, data) = ((CumSum)node.Op, node.Inputs[0]!);
        if (data is not { DType: DType.Float32, Shape: { Count: > 0 } shape } || node.Inputs[1] is not { IsUpdated: false, Data: { Count: 1 } number }) return false;
        var axis = shape.Axis((long)number.Item());
        var extent = new RunningSum.Extent(shape.CountOf(0, axis), shape[axis], shape.CountOf(axis + 1, shape.Rank), op.Exclusive, op.Reverse);
        var (x, y) = (planner.Read(data), planner.Define(node.Output));
        planner.Emit(new Step(node.Name, "sum.running", [x], [y], c => RunningSum.Run(c.Pool, extent, x.Floats, y.Floats)));
        return true;
    }
}
