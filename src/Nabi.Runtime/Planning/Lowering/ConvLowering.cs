using Nabi.Ops;
using Nabi.Runtime.Kernels;
using Convolution = Nabi.Runtime.Kernels.Convolution;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Convolution, transposed convolution and the gradients of convolution on channels-last images; one spatial axis counts as width.</summary>
internal static unsafe class ConvLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(Conv)] = LowerConv;
        table[typeof(ConvTranspose)] = LowerTranspose;
        table[typeof(ConvInputGradient)] = LowerInputGradient;
        table[typeof(ConvWeightGradient)] = LowerWeightGradient;
    }

    private static bool LowerConv(IReadOnlyList<Node> group, Planner planner)
    {
        var (node, conv) = (group[0], (Conv)group[0].Op);
        var (data, weight) = (node.Inputs[0]!, node.Inputs[1]!);
        return TryShape(data.Shape, weight.Shape[0], conv.Resolve(data.Shape, weight.Shape), conv.Group) is { } shape
            && Emit(group, planner, shape, transposed: false, data, weight, node.Inputs.Count > 2 ? node.Inputs[2] : null);
    }

    private static bool LowerTranspose(IReadOnlyList<Node> group, Planner planner)
    {
        var (node, conv) = (group[0], (ConvTranspose)group[0].Op);
        var (data, weight) = (node.Inputs[0]!, node.Inputs[1]!);
        return TryShape(node.Output.Shape, data.Shape[1], conv.Resolve(data.Shape, weight.Shape), conv.Group) is { } shape
            && Emit(group, planner, shape, transposed: true, data, weight, node.Inputs.Count > 2 ? node.Inputs[2] : null);
    }

    private static bool LowerInputGradient(IReadOnlyList<Node> group, Planner planner)
    {
        var (node, conv) = (group[0], (ConvInputGradient)group[0].Op);
        var (grad, weight) = (node.Inputs[0]!, node.Inputs[1]!);
        return TryShape(node.Output.Shape, grad.Shape[1], conv.Resolve(weight.Shape), conv.Group) is { } shape
            && Emit(group, planner, shape, transposed: true, grad, weight, bias: null);
    }

    private static bool LowerWeightGradient(IReadOnlyList<Node> group, Planner planner)
    {
        var (node, conv) = (group[0], (ConvWeightGradient)group[0].Op);
        var (data, grad) = (node.Inputs[0]!, node.Inputs[1]!);
        if (data.DType != DType.Float32 || grad.Shape.Count == 0 || TryShape(data.Shape, grad.Shape[1], conv.Resolve(data.Shape), conv.Group) is not { } shape) return false;
        var kernel = new ConvolutionWeightGradient(shape);
        var (x, dy) = (planner.Read(data, Layout.ChannelsLast), planner.Read(grad, Layout.ChannelsLast));
        var output = planner.Define(node.Output);
        var scratch = Planner.Scratch(node.Name, DType.Float32, kernel.ScratchSize(planner.Options.Threads));
        planner.Emit(new Step(node.Name, shape.IsDepthwise ? "conv-weight-gradient.depthwise" : "conv-weight-gradient", [x, dy], [output], context =>
            kernel.Run(context.Pool, x.Floats, dy.Floats, output.Floats, accumulate: false, scratch.Floats))
        {
            Macs = node.Cost.Macs,
            Scratch = [scratch],
        });
        return true;
    }

    private static bool Emit(IReadOnlyList<Node> group, Planner planner, ConvShape shape, bool transposed, Value data, Value weight, Value? bias)
    {
        var result = group[^1].Output;
        if (data.DType != DType.Float32 || weight.DType != DType.Float32 || result.Shape.Count == 0 || data.Shape.Count == 0) return false;
        var (source, filters) = (planner.Read(data, Layout.ChannelsLast), planner.Read(weight));
        var offset = bias is null ? null : planner.Read(bias);
        if (Normalization.Of(group) is { } fold) (filters, offset) = fold.Into(filters, offset, planner);
        var epilogue = Epilogues.Plan(group, planner, Layout.ChannelsLast);
        epilogue.Bias ??= offset;
        if (!transposed && Joinable(shape) is var joined and > 1) (shape, filters) = (shape with { Groups = shape.Groups / joined }, Join(shape, joined, filters, planner));
        var convolution = new Convolution(shape, transposed);
        var packed = Packed(convolution, filters, planner);
        var channels = result.Shape[1];
        var output = planner.Define(result, Layout.ChannelsLast);
        var kind = shape.IsDepthwise ? "depthwise" : shape.Window.IsPointwise ? "pointwise" : "direct";
        var scratch = Planner.Scratch(group[0].Name, DType.Float32, convolution.ScratchSize);
        planner.Emit(new Step(string.Join('+', group.Select(n => n.Name)), $"{(transposed ? "conv-transposed" : "conv")}.{kind}{epilogue.Suffix}",
            [source, packed, .. epilogue.Slots], [output], context =>
                convolution.Run(context.Pool, source.Floats, packed.Floats, output.Floats, epilogue.Now(output, channels), convolution.ScratchSize == 0 ? null : scratch.Floats))
        {
            Macs = group[0].Cost.Macs,
            InPlace = epilogue.Residual is { } r ? [(0, r)] : [],
            Scratch = convolution.ScratchSize == 0 ? [] : [scratch],
        });
        return true;
    }

    // Filters of a group fill the lanes of one vector in part only: as many groups are computed together as fit into it. Products with the zeros
    // between them cost nothing that was not idle, and there are fewer, longer sums.
    private static int Joinable(ConvShape shape)
    {
        if (shape.IsDepthwise) return 1;
        var joined = Math.Min(shape.Groups, Simd.Lanes / (shape.OutChannels / shape.Groups));
        while (joined > 1 && shape.Groups % joined != 0) joined--;
        return joined;
    }

    private static Slot Join(ConvShape shape, int joined, Slot filters, Planner planner)
    {
        var length = checked((int)(shape.WeightSize / shape.OutChannels));
        var size = shape.OutChannels / shape.Groups;
        var wide = new Slot($"{filters.Name}.joined", new TensorType(DType.Float32, [shape.OutChannels, checked(length * joined)]), Layout.RowMajor, SlotHome.Arena);
        planner.Emit(new Step(filters.Name, "conv.join-groups", [filters], [wide], _ =>
        {
            new Span<float>(wide.Floats, shape.OutChannels * length * joined).Clear();
            for (var f = 0; f < shape.OutChannels; f++)
                new Span<float>(filters.Floats + ((long)f * length), length).CopyTo(new Span<float>(wide.Floats + ((((long)f * joined) + (f / size % joined)) * length), length));
        }));
        return wide;
    }

    private static Slot Packed(Convolution convolution, Slot filters, Planner planner)
    {
        var count = convolution.PackedSize;
        var packed = new Slot($"{filters.Name}.packed", DType.Float32, Shape.Create([checked((int)count)]), Layout.RowMajor, SlotHome.Arena, count * sizeof(float));
        planner.Emit(new Step(filters.Name, "conv.pack", [filters], [packed], _ => convolution.Pack(filters.Floats, packed.Floats)));
        return packed;
    }

    /// <summary>The kernels' description of a convolution of one or two spatial axes; null if they cannot take it.</summary>
    /// <param name="data">Shape of the convolution's input [N, C, spatial].</param>
    /// <param name="filters">Channels of its output.</param>
    /// <param name="window">Its window, resolved for that input.</param>
    /// <param name="groups">Its groups.</param>
    public static ConvShape? TryShape(Shape data, int filters, ResolvedWindow window, int groups) =>
        WindowShapes.TryOf(data, window) is { } kernel && (long)kernel.KernelHeight * kernel.KernelWidth <= WindowShapes.MaxTaps
            ? new ConvShape { Window = kernel, InChannels = data[1], OutChannels = filters, Groups = groups }
            : null;
}
