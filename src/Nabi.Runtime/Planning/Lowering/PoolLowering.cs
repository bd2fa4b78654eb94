using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Pooling and its gradients on channels-last images.</summary>
internal static unsafe class PoolLowering
{
    private delegate void Kernel(RunContext context, in WindowShape window, int channels, Slot[] x, Slot y);

    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(MaxPool)] = (g, p) => g[0].Outputs.Count == 1 && Lower(g[0], p, g[0].Inputs[0]!.Shape, (RunContext c, in WindowShape w, int n, Slot[] x, Slot y) =>
            Pooling.Max(c.Pool, w, n, x[0].Floats, y.Floats));
        table[typeof(MaxPoolGradient)] = (g, p) => Lower(g[0], p, g[0].Inputs[0]!.Shape, (RunContext c, in WindowShape w, int n, Slot[] x, Slot y) =>
            Pooling.MaxGradient(c.Pool, w, n, x[0].Floats, x[1].Floats, y.Floats));
        table[typeof(AveragePool)] = (g, p) => LowerAverage(g[0], p, ((AveragePool)g[0].Op).CountIncludePad);
        table[typeof(AveragePoolGradient)] = (g, p) => LowerAverageGradient(g[0], p, ((AveragePoolGradient)g[0].Op).CountIncludePad);
    }

    private static bool LowerAverage(Node node, Planner planner, bool countsPadding) => Lower(node, planner, node.Inputs[0]!.Shape,
        (RunContext c, in WindowShape w, int n, Slot[] x, Slot y) => Pooling.Average(c.Pool, w, n, countsPadding, x[0].Floats, y.Floats));

    private static bool LowerAverageGradient(Node node, Planner planner, bool countsPadding) => Lower(node, planner, node.Output.Shape,
        (RunContext c, in WindowShape w, int n, Slot[] x, Slot y) => Pooling.AverageGradient(c.Pool, w, n, countsPadding, x[0].Floats, y.Floats));

    private static bool Lower(Node node, Planner planner, Shape data, Kernel kernel)
    {
        if (node.Inputs.Any(v => v!.DType != DType.Float32) || node.Output.Shape.Count == 0) return false;
        var countsPadding = node.Op is AveragePool { CountIncludePad: true } or AveragePoolGradient { CountIncludePad: true };
        if (WindowShapes.TryOf(data, ((PoolingOp)node.Op).Resolve(data), isPaddingFree: !countsPadding) is not { } window) return false;
        var inputs = node.Inputs.Select(v => planner.Read(v!, Layout.ChannelsLast)).ToArray();
        var output = planner.Define(node.Output, Layout.ChannelsLast);
        var channels = data[1];
        planner.Emit(new Step(node.Name, $"pool.{node.Op.Name}", inputs, [output], context => kernel(context, window, channels, inputs, output)));
        return true;
    }
}
