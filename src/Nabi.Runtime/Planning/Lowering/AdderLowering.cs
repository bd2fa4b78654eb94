using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Adder convolution and its input gradient on channels-last images; one spatial axis counts as width.</summary>
internal static unsafe class AdderLowering
{
    // Floats of scratch memory per worker; larger images run the reference.
    private const long LargestScratch = 1L << 26;

    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(AdderConv)] = (g, p) => LowerForward(g[0], p);
        table[typeof(AdderConvInputGradient)] = (g, p) => LowerGradient(g[0], p);
    }

    private static bool LowerForward(Node node, Planner planner)
    {
        var (data, filter) = (node.Inputs[0]!, node.Inputs[1]!);
        if (Kernel(node, data, filter, ((AdderConv)node.Op).Resolve(data.Shape, filter.Shape)) is not { } kernel) return false;
        if (kernel.ScratchSize(1) > LargestScratch) return false;
        var (x, f) = (planner.Read(data, Layout.ChannelsLast), planner.Read(filter));
        var y = planner.Define(node.Output, Layout.ChannelsLast);
        var scratch = Planner.Scratch(node.Name, DType.Float32, kernel.ScratchSize(planner.Options.Threads));
        planner.Emit(new Step(node.Name, "adder", [x, f], [y], context => kernel.Run(context.Pool, x.Floats, f.Floats, y.Floats, scratch.Floats)) { Scratch = [scratch] });
        return true;
    }

    private static bool LowerGradient(Node node, Planner planner)
    {
        var (grad, data, filter) = (node.Inputs[0]!, node.Inputs[1]!, node.Inputs[2]!);
        if (Kernel(node, data, filter, ((AdderConvInputGradient)node.Op).Resolve(data.Shape, filter.Shape)) is not { } kernel) return false;
        if (kernel.GradientScratchSize(1) > LargestScratch) return false;
        var (dy, x, f) = (planner.Read(grad, Layout.ChannelsLast), planner.Read(data, Layout.ChannelsLast), planner.Read(filter));
        var dx = planner.Define(node.Output, Layout.ChannelsLast);
        var scratch = Planner.Scratch(node.Name, DType.Float32, kernel.GradientScratchSize(planner.Options.Threads));
        planner.Emit(new Step(node.Name, "adder-input-gradient", [dy, x, f], [dx], context =>
            kernel.InputGradient(context.Pool, dy.Floats, x.Floats, f.Floats, dx.Floats, scratch.Floats))
        { Scratch = [scratch] });
        return true;
    }

    private static AdderConvolution? Kernel(Node node, Value data, Value filter, ResolvedWindow window) =>
        node.Inputs.All(v => v!.DType == DType.Float32) && node.Output.Shape.Count > 0 && filter.Shape.Count > 0
            && ConvLowering.TryShape(data.Shape, filter.Shape[0], window, 1) is { } shape
            ? new AdderConvolution(shape)
            : null;
}
