using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Linear and cubic resampling of the two spatial axes of channels-last images, and its gradient.</summary>
internal static unsafe class ResizeLowering
{
    // Above this the table of weights would be larger than it is worth.
    private const long LargestTable = 1 << 20;

    public static void AddTo(Dictionary<Type, Lowering> table) => table[typeof(ResizeGradient)] = (g, p) => Backward(g[0], p);

    /// <summary>Lowers a <see cref="Resize"/> that interpolates.</summary>
    public static bool Forward(Node node, Planner planner) =>
        Matrix((Resize)node.Op, node.Inputs[0]!.Shape, node, 1) is { } rows && Emit(node, planner, node.Inputs[0]!.Shape.CountOf(2, 4), rows);

    private static bool Backward(Node node, Planner planner)
    {
        if (Matrix(((ResizeGradient)node.Op).Of, node.Output.Shape, node, 2) is not { } rows) return false;
        var transposed = Enumerable.Range(0, node.Output.Shape.CountOf(2, 4)).Select(_ => new List<(int, float)>()).ToArray();
        for (var i = 0; i < rows.Length; i++)
            foreach (var (place, weight) in rows[i]) transposed[place].Add((i, weight));
        return Emit(node, planner, rows.Length, transposed);
    }

    private static bool Emit(Node node, Planner planner, int sources, List<(int, float)>[] targets)
    {
        var (input, shape) = (node.Inputs[0]!, node.Output.Shape);
        var blend = new PixelBlend(sources, targets);
        var (source, target) = (planner.Read(input, Layout.ChannelsLast), planner.Define(node.Output, Layout.ChannelsLast));
        planner.Emit(new Step(node.Name, "blend.Resize", [source], [target], c => blend.Run(c.Pool, shape[0], shape[1], source.Floats, target.Floats)));
        return true;
    }

    // For every pixel of the larger or smaller image that Resize makes, the pixels of the data and their weights; null where a kernel would not fit.
    private static List<(int, float)>[]? Matrix(Resize op, Shape data, Node node, int first)
    {
        if (op is { Mode: "nearest" } or { CoordinateTransformationMode: "tf_crop_and_resize" } || node.Inputs[0]!.DType != DType.Float32) return null;
        if (data.Rank != 4 || !data.IsKnown || data.Count == 0 || node.Output.Shape.Count == 0) return null;
        for (var i = first; i < node.Inputs.Count; i++)
            if (node.Inputs[i] is not (null or { Data: not null, IsUpdated: false })) return null;
        var axes = op.Weights(data, new EvalContext([.. node.Inputs.Select(v => v?.Data)], 1, new Rng(0)), first);
        if (axes[0] is not null || axes[1] is not null) return null;
        var (vertical, horizontal) = (Rows(axes[2], data[2]), Rows(axes[3], data[3]));
        if ((long)vertical.Length * horizontal.Length > LargestTable) return null;
        var rows = new List<(int, float)>[vertical.Length * horizontal.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = [];
            foreach (var (y, weightY) in vertical[i / horizontal.Length])
                foreach (var (x, weightX) in horizontal[i % horizontal.Length]) rows[i].Add((y * data[3] + x, (float)(weightY * weightX)));
        }
        return rows;
    }

    private static IReadOnlyList<(int Index, double Weight)>[] Rows(ResizeAxis? axis, int size)
    {
        var rows = new IReadOnlyList<(int, double)>[axis?.Rows.Count ?? size];
        for (var i = 0; i < rows.Length; i++) rows[i] = axis is null ? [(i, 1.0)] : axis.Rows[i];
        return rows;
    }
}
