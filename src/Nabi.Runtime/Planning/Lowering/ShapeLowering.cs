using Nabi.Ops;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Operators that only see the elements under another shape, or move them.</summary>
internal static class ShapeLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        foreach (var type in (Type[])[typeof(Reshape), typeof(Flatten), typeof(Identity), typeof(Squeeze), typeof(Unsqueeze)]) table[type] = View;
        table[typeof(Transpose)] = LowerTranspose;
        table[typeof(Expand)] = LowerExpand;
    }

    /// <summary>The same elements in the same order: no step. An input channels-last stays so if the shape does not change.</summary>
    private static bool View(IReadOnlyList<Node> group, Planner planner)
    {
        var (input, output) = (group[0].Inputs[0]!, group[0].Output);
        if (input.DType != output.DType || input.Shape.Count != output.Shape.Count) return false;
        if (input.Shape.Equals(output.Shape))
        {
            var slot = planner.ReadAny(input);
            planner.Alias(output, slot, slot.Layout);
        }
        else
        {
            planner.Alias(output, planner.Read(input));
        }
        return true;
    }

    private static bool LowerTranspose(IReadOnlyList<Node> group, Planner planner)
    {
        var (input, output) = (group[0].Inputs[0]!, group[0].Output);
        if (!IsByteSized(output.DType)) return false;
        var perm = ((Transpose)group[0].Op).Permutation(input.Shape.Rank);
        var source = planner.ReadAny(input);
        var own = Layouts.Strides(source.Shape, source.Layout);
        return Rearranged(group[0], planner, source, Array.ConvertAll(perm, axis => own[axis]));
    }

    private static bool LowerExpand(IReadOnlyList<Node> group, Planner planner)
    {
        var (input, output) = (group[0].Inputs[0]!, group[0].Output);
        if (!IsByteSized(output.DType)) return false;
        var source = planner.ReadAny(input);
        var own = Layouts.Strides(source.Shape, source.Layout);
        var strides = new long[output.Shape.Rank];
        var lead = strides.Length - input.Shape.Rank;
        for (var i = lead; i < strides.Length; i++) strides[i] = input.Shape[i - lead] == 1 ? 0 : own[i - lead];
        return Rearranged(group[0], planner, source, strides);
    }

    // Writes the output row-major, reading at the given strides; a view if they are those of the output itself.
    private static bool Rearranged(Node node, Planner planner, Slot source, long[] strides)
    {
        var shape = node.Output.Shape;
        if (shape.Rank > Kernels.ElementProgram.MaxRank) return false;
        var plain = Layouts.Strides(shape, Layout.RowMajor);
        if (source.Bytes == node.Output.Type.Bytes && IsSame(shape, strides, plain))
            planner.Alias(node.Output, source);
        else
            planner.Emit(LayoutLowering.Rearrange(node.Name, $"copy.{node.Op.Name}", source, planner.Define(node.Output), shape.Dims.ToArray(), strides, plain));
        return true;
    }

    private static bool IsSame(Shape shape, long[] a, long[] b)
    {
        for (var i = 0; i < shape.Rank; i++)
            if (shape[i] != 1 && a[i] != b[i]) return false;
        return true;
    }

    private static bool IsByteSized(DType type) => type.Bits() >= 8;
}
