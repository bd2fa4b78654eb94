using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>
/// Gather with constant indices, and its gradient: of the channels of images where they lie, channels-last (index layers, channel shuffles), else in
/// blocks of what follows the axis.
/// </summary>
internal static unsafe class GatherLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(Gather)] = (g, p) => Indices(g[0], 1) is { } indices && (Picked(g[0], indices, p) || Blocks(g[0], indices, p));
        table[typeof(MoveGradient)] = (g, p) => g[0].Op is MoveGradient { Of: Gather } && Indices(g[0], 2) is { } indices && AddedBack(g[0], indices, p);
    }

    private static bool Picked(Node node, Tensor indices, Planner planner)
    {
        var (input, output) = (node.Inputs[0]!, node.Output);
        if (!IsOfChannels((Gather)node.Op, input.Shape, indices) || output.DType is not (DType.Float32 or DType.Int8 or DType.UInt8) || output.Shape.Count == 0) return false;
        if (!planner.IsChannelsLast(input) && !planner.Wishes.Contains(output)) return false;
        var channels = Pinned(indices, input.Shape[1]);
        var (source, target) = (planner.Read(input, Layout.ChannelsLast), planner.Define(output, Layout.ChannelsLast));
        var (rows, width) = (output.Shape.Count / channels.Length, input.Shape[1]);
        planner.Emit(new Step(node.Name, "copy.Gather", [source], [target], c =>
        {
            fixed (int* at = channels)
            {
                if (output.DType == DType.Float32) ChannelPick.Run(c.Pool, rows, at, channels.Length, width, source.Floats, target.Floats);
                else ChannelPick.Run(c.Pool, rows, at, channels.Length, width, source.Address, target.Address);
            }
        }));
        return true;
    }

    private static bool AddedBack(Node node, Tensor indices, Planner planner)
    {
        var (grad, output) = (node.Inputs[0]!, node.Output);
        if (!IsOfChannels((Gather)((MoveGradient)node.Op).Of, output.Shape, indices) || output.DType != DType.Float32 || output.Shape.Count == 0) return false;
        var channels = Pinned(indices, output.Shape[1]);
        var (source, target) = (planner.Read(grad, Layout.ChannelsLast), planner.Define(output, Layout.ChannelsLast));
        var (rows, width) = (output.Shape.Count / output.Shape[1], output.Shape[1]);
        planner.Emit(new Step(node.Name, "add.Gather", [source], [target], c =>
        {
            fixed (int* at = channels) ChannelPick.AddBack(c.Pool, rows, at, channels.Length, width, source.Floats, target.Floats);
        }));
        return true;
    }

    private static bool Blocks(Node node, Tensor indices, Planner planner)
    {
        var (input, output) = (node.Inputs[0]!, node.Output);
        if (output.Shape.Count == 0 || output.DType.Bits() < 8) return false;
        var axis = input.Shape.Axis(((Gather)node.Op).Axis);
        var (size, outer) = (input.Shape[axis], input.Shape.CountOf(0, axis));
        var chosen = Pinned(indices, size);
        var places = GC.AllocateUninitializedArray<int>(checked(outer * chosen.Length), pinned: true);
        for (var i = 0; i < places.Length; i++) places[i] = (i / chosen.Length * size) + chosen[i % chosen.Length];
        var unit = checked((int)output.DType.Bytes(input.Shape.CountOf(axis + 1, input.Shape.Rank)));
        var (source, target) = (planner.Read(input), planner.Define(output));
        planner.Emit(new Step(node.Name, "copy.Gather", [source], [target], c => IndexedCopy.Run(c.Pool, unit, places, source.Address, target.Address)));
        return true;
    }

    // Images whose channels are chosen by a list.
    private static bool IsOfChannels(Gather op, Shape images, Tensor indices) =>
        images.Rank > 2 && images.Axis(op.Axis) == 1 && indices.Shape.Rank == 1 && indices.Count > 0;

    private static Tensor? Indices(Node node, int input) => node.Inputs[input] is { IsUpdated: false, Data: { } data } ? data : null;

    private static int[] Pinned(Tensor indices, int size)
    {
        var pinned = GC.AllocateUninitializedArray<int>(indices.Count, pinned: true);
        var list = indices.ToInt64();
        for (var i = 0; i < pinned.Length; i++) pinned[i] = (int)(list[i] < 0 ? list[i] + size : list[i]);
        return pinned;
    }
}
