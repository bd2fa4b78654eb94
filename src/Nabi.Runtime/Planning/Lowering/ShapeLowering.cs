using Nabi.Ops;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Operators that only see the elements under another shape, or move them.</summary>
internal static class ShapeLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        foreach (var type in (Type[])[typeof(Reshape), typeof(Flatten), typeof(Identity), typeof(OptimizationBarrier), typeof(StraightThrough), typeof(StopGradient), typeof(Squeeze), typeof(Unsqueeze)])
            table[type] = (g, p) => View(g[0].Inputs[0]!, g[0].Output, p);
        table[typeof(Transpose)] = (g, p) => Transposed(g[0].Name, g[0].Inputs[0]!, g[0].Output, (Transpose)g[0].Op, p);
        table[typeof(Expand)] = (g, p) => Expanded(g[0], p);
        table[typeof(Concat)] = (g, p) => g.Count > 1 ? Interleaved(g, p) : Concatenate(g[0].Name, [.. g[0].Inputs.Select(v => v!)], g[0].Output, ((Concat)g[0].Op).Axis, p);
        table[typeof(Split)] = (g, p) => Divide(g[0], p);
    }

    /// <summary>The same elements in the same order: no step. An input channels-last stays so if the shape does not change.</summary>
    public static bool View(Value input, Value output, Planner planner)
    {
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

    /// <summary>Emits a transposition from whichever layout the input lies in.</summary>
    public static bool Transposed(string name, Value input, Value output, Transpose op, Planner planner)
    {
        if (!IsByteSized(output.DType)) return false;
        var perm = op.Permutation(input.Shape.Rank);
        var source = planner.ReadAny(input);
        var own = Layouts.Strides(source.Shape, source.Layout);
        return Rearranged(name, op.Name, output, planner, source, Array.ConvertAll(perm, axis => own[axis]));
    }

    /// <summary>Can the parts of a value be copied into it?</summary>
    public static bool CanConcatenate(Value output) => IsByteSized(output.DType) && output.Shape.Rank <= Kernels.ElementProgram.MaxRank && output.Shape.Count > 0;

    /// <summary>Emits one copy into the result per input that does not lie there already.</summary>
    public static bool Concatenate(string name, IReadOnlyList<Value> inputs, Value output, int axis, Planner planner)
    {
        if (!CanConcatenate(output)) return false;
        var target = planner.DefineWhole(output);
        var layout = target is not null || inputs.Any(planner.IsChannelsLast) || planner.Wishes.Contains(output) ? Layout.ChannelsLast : Layout.RowMajor;
        if (Layouts.AreSame(output.Shape)) layout = Layout.RowMajor;
        var along = output.Shape.Axis(axis);
        Slot?[] slots = [.. inputs.Select(v => v.Shape.Count == 0 || (target is not null && planner.IsWrittenTo(v, target)) ? null
            : layout == Layout.ChannelsLast ? planner.ReadPart(v) : planner.Read(v, layout))];
        target ??= planner.Define(output, layout);
        long offset = 0;
        var copies = new List<PartCopy>();
        for (var i = 0; i < slots.Length; i++)
        {
            if (slots[i] is { } slot) copies.Add(new PartCopy(slot.Shape, layout, new Place(slot), new Place(target) { Offset = offset }));
            offset += inputs[i].Shape[along] * target.Strides[along];
        }
        if (copies.Count > 0) EmitCopies(name, [.. slots.OfType<Slot>()], target, [.. copies], planner);
        return true;
    }

    private static void EmitCopies(string name, Slot[] slots, Slot target, PartCopy[] copies, Planner planner) =>
        planner.Emit(new Step(name, "copy.Concat", slots, [target], context =>
        {
            foreach (var copy in copies) copy.Run(context);
        }));

    // Two images joined and shuffled in two groups: their channels in turn.
    private static unsafe bool Interleaved(IReadOnlyList<Node> group, Planner planner)
    {
        var (node, output) = (group[0], group[1].Output);
        if (!planner.Wishes.Contains(output) && !node.Inputs.All(v => planner.IsChannelsLast(v!))) return false;
        var (a, b) = (planner.ReadPart(node.Inputs[0]!), planner.ReadPart(node.Inputs[1]!));
        var (target, count) = (planner.Define(output, Layout.ChannelsLast), output.Shape[1] / 2);
        var rows = output.Shape.Count / output.Shape[1];
        var name = $"{node.Name}+{group[1].Name}";
        planner.Emit(output.DType == DType.Float32
            ? new Step(name, "copy.Interleave", [a, b], [target], c => Kernels.ChannelInterleave.Run(c.Pool, rows, count, Rows<float>(a), Rows<float>(b), target.Floats))
            : new Step(name, "copy.Interleave", [a, b], [target], c => Kernels.ChannelInterleave.Run(c.Pool, rows, count, Rows<byte>(a), Rows<byte>(b), target.Address)));
        return true;

        static Kernels.PixelRows<T> Rows<T>(Slot slot)
            where T : unmanaged => new((T*)slot.Address, slot.IsPart ? slot.PixelStride : slot.Shape[1]);
    }

    private static bool Divide(Node node, Planner planner)
    {
        var input = node.Inputs[0]!;
        if (!IsByteSized(input.DType) || input.Shape.Rank > Kernels.ElementProgram.MaxRank || input.Shape.Count == 0) return false;
        var along = input.Shape.Axis(((Split)node.Op).Axis);
        if (along == 1 && planner.HasChannelsLast(input) && !Layouts.AreSame(input.Shape)) return DivideChannels(node, planner);
        var source = planner.ReadAny(input);
        var stride = Layouts.Strides(source.Shape, source.Layout)[along];
        long offset = 0;
        foreach (var output in node.Outputs)
        {
            var target = planner.Define(output, source.Layout);
            var copy = new PartCopy(output.Shape, source.Layout, new Place(source) { Offset = offset }, new Place(target));
            offset += output.Shape[along] * stride;
            planner.Emit(new Step(node.Name, "copy.Split", [source], [target], copy.Run));
        }
        return true;
    }

    private static bool DivideChannels(Node node, Planner planner)
    {
        var (source, channel) = (planner.ReadPart(node.Inputs[0]!), 0);
        foreach (var output in node.Outputs)
        {
            planner.AliasPart(output, source, channel);
            channel += output.Shape[1];
        }
        return true;
    }

    private static bool Expanded(Node node, Planner planner)
    {
        var (input, output) = (node.Inputs[0]!, node.Output);
        if (!IsByteSized(output.DType)) return false;
        var source = planner.ReadAny(input);
        var own = Layouts.Strides(source.Shape, source.Layout);
        var strides = new long[output.Shape.Rank];
        var lead = strides.Length - input.Shape.Rank;
        for (var i = lead; i < strides.Length; i++) strides[i] = input.Shape[i - lead] == 1 ? 0 : own[i - lead];
        return Rearranged(node.Name, node.Op.Name, output, planner, source, strides);
    }

    // Writes the output row-major, reading at the given strides; a view if they are those of the output itself.
    private static bool Rearranged(string name, string kernel, Value output, Planner planner, Slot source, long[] strides)
    {
        var shape = output.Shape;
        if (shape.Rank > Kernels.ElementProgram.MaxRank) return false;
        var plain = Layouts.Strides(shape, Layout.RowMajor);
        if (source.Bytes == output.Type.Bytes && IsSame(shape, strides, plain))
            planner.Alias(output, source);
        else
            planner.Emit(LayoutLowering.Rearrange(name, $"copy.{kernel}", source, planner.Define(output), shape.Dims.ToArray(), strides, plain));
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
