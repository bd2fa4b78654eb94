using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Slices, constant padding, and whatever else moves elements to places that are known when the plan is made.</summary>
internal static unsafe class MoveLowering
{
    // A table of places takes four bytes per element: beyond this many the reference computes it anew in each run.
    private const int LargestTable = 1 << 24;

    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(Slice)] = (g, p) => Taken(g[0], p);
        table[typeof(Pad)] = (g, p) => Padded(g[0], p);
        table[typeof(Resize)] = (g, p) => Resampled(g[0], p) || ResizeLowering.Forward(g[0], p);
        table[typeof(Shift)] = (g, p) => Shifted(g[0], p);
        foreach (var type in (Type[])[typeof(GatherElements), typeof(GatherND), typeof(Tile), typeof(DepthToSpace), typeof(SpaceToDepth), typeof(Trilu)])
            if (type.IsSubclassOf(typeof(MovingOp))) table[type] = (g, p) => ByTable(g[0], p);
    }

    private static bool Taken(Node node, Planner planner)
    {
        var (input, output) = (node.Inputs[0]!, node.Output);
        if (!IsStrided(output) || Numbers(node, 1) is not { } starts || Numbers(node, 2) is not { } ends || !Known(node, 3) || !Known(node, 4)) return false;
        var ranges = Slice.Ranges(input.Shape, starts, ends, Numbers(node, 3), Numbers(node, 4));
        if (IsOfChannels(input, output, ranges) && planner.HasChannelsLast(input))
        {
            planner.AliasPart(output, planner.ReadPart(input), ranges[1]!.Value.Start);
            return true;
        }
        var source = planner.ReadAny(input);
        var strides = Layouts.Strides(source.Shape, source.Layout);
        long offset = 0;
        for (var axis = 0; axis < ranges.Length; axis++)
        {
            if (ranges[axis] is not { } range) continue;
            offset += range.Start * strides[axis];
            strides[axis] *= range.Step;
        }
        var target = planner.Define(output, source.Layout);
        var copy = new PartCopy(output.Shape, source.Layout, new Place(source) { Offset = offset, Strides = strides }, new Place(target));
        planner.Emit(new Step(node.Name, "copy.Slice", [source], [target], copy.Run));
        return true;
    }

    // Neighbouring channels of an image, otherwise whole.
    private static bool IsOfChannels(Value input, Value output, SliceRange?[] ranges) =>
        input.Shape.Rank > 2 && !Layouts.AreSame(input.Shape) && ranges[1] is { Step: 1 } && output.Shape.With(1, input.Shape[1]).Equals(input.Shape);

    private static bool Padded(Node node, Planner planner)
    {
        var (input, output) = (node.Inputs[0]!, node.Output);
        if (node.Op is not Pad { Mode: "constant" } || !IsStrided(output) || Numbers(node, 1) is not { } pads || !Known(node, 2) || !Known(node, 3)) return false;
        var amounts = Pad.Amounts(input.Shape, pads, Numbers(node, 3));
        var fill = node.Inputs.Count > 2 && node.Inputs[2]?.Data is { } given ? given.Bytes.ToArray() : new byte[output.DType.Bits() / 8];
        var source = planner.ReadAny(input);
        var target = planner.Define(output, source.Layout);
        var (read, write) = (new Place(source), new Place(target));
        var part = input.Shape.Dims.ToArray();
        for (var axis = 0; axis < part.Length; axis++)
        {
            var (begin, end) = amounts[axis];
            part[axis] = (int)Math.Max(0, part[axis] + Math.Min(0, begin) + Math.Min(0, end));   // negative pads crop
            read = read with { Offset = read.Offset + (Math.Max(0, -begin) * read.Strides[axis]) };
            write = write with { Offset = write.Offset + (Math.Max(0, begin) * write.Strides[axis]) };
        }
        var copy = Shape.Create(part).Count == 0 ? null : new PartCopy(Shape.Create(part), source.Layout, read, write);
        planner.Emit(new Step(node.Name, "copy.Pad", [source], [target], context =>
        {
            Fill(target, fill);
            copy?.Run(context);
        }));
        return true;
    }

    private static void Fill(Slot target, byte[] element)
    {
        var memory = new Span<byte>(target.Address, checked((int)target.Bytes));
        if (!element.AsSpan().ContainsAnyExcept((byte)0))
        {
            memory.Clear();
            return;
        }
        if (element.Length == 1) memory.Fill(element[0]);
        else for (var i = 0; i < memory.Length; i += element.Length) element.CopyTo(memory[i..]);
    }

    private static bool ByTable(Node node, Planner planner)
    {
        var (input, output) = (node.Inputs[0]!, node.Output);
        if (node.Op is not MovingOp op || output.Shape.Count is 0 or > LargestTable || output.DType.Bits() < 8) return false;
        for (var i = 1; i < node.Inputs.Count; i++)
            if (!Known(node, i)) return false;
        Tensor?[] inputs = [null, .. node.Inputs.Skip(1).Select(v => v?.Data)];
        var places = Pinned(op.Moves(input.Shape, new EvalContext(inputs, 1, new Rng(0))).Sources);
        var (source, target) = (planner.Read(input), planner.Define(output));
        var unit = output.DType.Bits() / 8;
        planner.Emit(new Step(node.Name, $"copy.{op.Name}", [source], [target], c => IndexedCopy.Run(c.Pool, unit, places, source.Address, target.Address)));
        return true;
    }

    // Nearest neighbours of images whose batch and channels stay: whole pixels are copied.
    private static bool Resampled(Node node, Planner planner)
    {
        var (input, output) = (node.Inputs[0]!, node.Output);
        if (node.Op is not Resize { Mode: "nearest", CoordinateTransformationMode: not "tf_crop_and_resize" } || input.DType.Bits() < 8 || input.Shape.Rank < 3) return false;
        if (input.Shape[0] != output.Shape[0] || input.Shape[1] != output.Shape[1] || output.Shape.Count is 0 or > LargestTable || !Known(node, 2) || !Known(node, 3)) return false;
        var (inside, outside) = (input.Shape.CountOf(2, input.Shape.Rank), output.Shape.CountOf(2, output.Shape.Rank));
        if (inside > LargestTable) return false;
        var numbered = Tensor.Empty(DType.Float32, input.Shape);
        for (var i = 0; i < numbered.Count; i++) numbered.Span<float>()[i] = i % inside;
        var chosen = node.Op.Evaluate(new EvalContext([numbered, .. node.Inputs.Skip(1).Select(v => v?.Data)], 1, new Rng(0)))[0].Span<float>();
        var places = new int[input.Shape[0] * outside];
        for (var i = 0; i < places.Length; i++) places[i] = (i / outside * inside) + (int)chosen[i % outside];
        var pinned = Pinned(places);
        var (source, target) = (planner.Read(input, Layout.ChannelsLast), planner.Define(output, Layout.ChannelsLast));
        var unit = checked((int)input.DType.Bytes(input.Shape[1]));
        planner.Emit(new Step(node.Name, "copy.Resize", [source], [target], c => IndexedCopy.Run(c.Pool, unit, pinned, source.Address, target.Address)));
        return true;
    }

    private static bool Shifted(Node node, Planner planner)
    {
        var (input, shift) = (node.Inputs[0]!, (Shift)node.Op);
        if (input.DType != DType.Float32 || input.Shape.Count is 0 || input.Shape.Count / input.Shape[1] > LargestTable) return false;
        var (source, target) = (planner.Read(input, Layout.ChannelsLast), planner.Define(node.Output, Layout.ChannelsLast));
        var (kernel, shape) = (new ChannelShift(shift.Vertical.Span, shift.Horizontal.Span), input.Shape);
        planner.Emit(new Step(node.Name, "copy.Shift", [source], [target], c => kernel.Move(c.Pool, shape[0], shape[2], shape[3], source.Floats, target.Floats)));
        return true;
    }

    private static bool IsStrided(Value output) => output.DType.Bits() >= 8 && output.Shape.Count > 0 && output.Shape.Rank <= ElementProgram.MaxRank;

    // Is an optional input absent, or a constant?
    private static bool Known(Node node, int index) => index >= node.Inputs.Count || node.Inputs[index] is null or { Data: not null, IsUpdated: false };

    private static long[]? Numbers(Node node, int index) => index < node.Inputs.Count && node.Inputs[index] is { IsUpdated: false, Data: { } data } ? data.ToInt64() : null;

    private static int[] Pinned(int[] places)
    {
        var pinned = GC.AllocateUninitializedArray<int>(places.Length, pinned: true);
        places.CopyTo(pinned, 0);
        return pinned;
    }
}
