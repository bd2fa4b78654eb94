using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Gathers whose indices are computed, and the gradients of gathers: whole rows are copied or added.</summary>
internal static unsafe class IndexLowering
{
    /// <summary>Emits the gather; false where it does not choose whole rows.</summary>
    public static bool Gather(Node node, Planner planner)
    {
        var (data, indices, output) = (node.Inputs[0]!, node.Inputs[1]!, node.Output);
        if (output.Shape.Count == 0 || output.DType.Bits() < 8 || RowsOf(node.Op, data.Shape, indices) is not { } rows) return false;
        var (x, by, y) = (planner.Read(data), planner.Read(indices), planner.Define(output));
        var unit = output.DType.Bits() / 8;
        planner.Emit(new Step(node.Name, $"copy.{node.Op.Name}", [x, by], [y], c => rows.Gather(c.Pool, unit, x.Address, by.Address, y.Address)));
        return true;
    }

    /// <summary>Emits the gradient of a gather; false where it does not choose whole rows.</summary>
    public static bool AddBack(Node node, Planner planner)
    {
        if (node.Inputs.Count < 3 || node.Inputs[2] is not { } indices || node.Output is not { DType: DType.Float32, Shape.Count: > 0 } output) return false;
        if (RowsOf(((MoveGradient)node.Op).Of, output.Shape, indices) is not { } rows) return false;
        var (gradient, by, sums) = (planner.Read(node.Inputs[0]!), planner.Read(indices), planner.Define(output));
        planner.Emit(new Step(node.Name, "add.rows", [gradient, by], [sums], c => rows.AddBack(c.Pool, gradient.Floats, by.Address, sums.Floats)));
        return true;
    }

    private static IndexedRows? RowsOf(Op op, Shape data, Value indices)
    {
        if (indices.DType is not (DType.Int64 or DType.Int32)) return null;
        return op switch
        {
            Gather x => Rows(data, data.Axis(x.Axis), indices, isShared: true),
            GatherND x when indices.Shape[-1] == 1 => Rows(data, x.BatchDims, indices, isShared: false),
            GatherElements x when data.Axis(x.Axis) == data.Rank - 1 && data.CountOf(0, data.Rank - 1) == indices.Shape.CountOf(0, data.Rank - 1) =>
                Rows(data, data.Rank - 1, indices, isShared: false),
            _ => null,
        };
    }

    private static IndexedRows? Rows(Shape data, int axis, Value indices, bool isShared)
    {
        var groups = data.CountOf(0, axis);
        return groups == 0 ? null : new IndexedRows
        {
            Groups = groups,
            Size = data[axis],
            Length = data.CountOf(axis + 1, data.Rank),
            Count = isShared ? indices.Shape.Count : indices.Shape.Count / groups,
            IsShared = isShared,
            IsWide = indices.DType == DType.Int64,
        };
    }
}
