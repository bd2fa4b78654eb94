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
        var bias = node.Inputs.Count > 2 ? node.Inputs[2] : null;
        return TryShape(data.Shape, weight.Shape[0], conv.Resolve(data.Shape, weight.Shape), conv.Group) is { } shape
            && (BitProduct.TryEmit(group, planner, shape) || EmitInt4(group, planner, shape, data, weight, bias) || Emit(group, planner, shape, transposed: false, data, weight, bias));
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
        var (x, dy) = (planner.Read(data, Layout.ChannelsLast), planner.Read(grad, Layout.ChannelsLast));
        if (FiltersEach(shape) > 1) (x, shape) = Repeated(x, data, shape, planner);
        var kernel = new ConvolutionWeightGradient(shape);
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

    // A 1 x 1 convolution by weights that are stored in 4 bits and stay so.
    private static bool EmitInt4(IReadOnlyList<Node> group, Planner planner, ConvShape shape, Value data, Value weight, Value? bias)
    {
        var result = group[^1].Output;
        if (shape.Groups > 1 || !shape.Window.IsPointwise || result.Shape.Count == 0 || data.DType != DType.Float32 || Normalization.Of(group) is not null) return false;
        if (Int4Weights.Of(weight, columnAxis: 0, result.Shape.Count / result.Shape[1]) is not { } weights) return false;
        var source = planner.ReadPart(data);
        var epilogue = Epilogues.Plan(group, planner, Layout.ChannelsLast);
        epilogue.Bias ??= bias is null ? null : planner.Read(bias);
        var output = source.IsConstant ? planner.Define(result, Layout.ChannelsLast) : planner.DefinePart(result);
        weights.Emit(string.Join('+', group.Select(n => n.Name)), planner, source, output, result.Shape.Count / result.Shape[1], epilogue);
        return true;
    }

    private static bool Emit(IReadOnlyList<Node> group, Planner planner, ConvShape shape, bool transposed, Value data, Value weight, Value? bias)
    {
        var result = group[^1].Output;
        if (data.DType != DType.Float32 || weight.DType != DType.Float32 || result.Shape.Count == 0 || data.Shape.Count == 0) return false;
        if (transposed && bias is null && FiltersEach(shape) > 1) return group.Count == 1 && EmitSummed(group[0], planner, shape, data, weight);
        var planes = !transposed && shape.Groups == 1 && Convolution.CanReadPlanes(shape) && !planner.HasChannelsLast(data) && !Layouts.AreSame(data.Shape);
        var source = planes ? planner.Read(data)
            : shape.Window.IsPointwise && !transposed && FiltersEach(shape) == 0 ? planner.ReadPart(data)
            : planner.Read(data, Layout.ChannelsLast);
        var filters = planner.Read(weight);
        var offset = bias is null ? null : planner.Read(bias);
        if (Normalization.Of(group) is { } fold) (filters, offset) = fold.Into(filters, offset, planner);
        var epilogue = Epilogues.Plan(group, planner, Layout.ChannelsLast);
        epilogue.Bias ??= offset;
        if (transposed && offset is null && epilogue is { Bias: null, Activation.Kind: UnaryKind.Identity } && ScatteredConvolution.IsCheaper(shape))
            return EmitScattered(group, planner, shape, source, filters, epilogue);
        if (!transposed && FiltersEach(shape) > 1) (source, shape) = Repeated(source, data, shape, planner);
        if (!transposed && Joinable(shape) is var joined and > 1) (shape, filters) = (shape with { Groups = shape.Groups / joined }, Join(shape, joined, filters, planner));
        var output = source.IsConstant ? planner.Define(result, Layout.ChannelsLast) : planner.DefinePart(result);
        var sparse = !transposed && shape.Groups == 1 ? SparseWeights.Of(weight, columnAxis: 0) : null;
        var kernel = ConvKernel.Choose(shape, transposed, source.PixelStride, output.PixelStride, planes, filters.IsConstant, planner.Options.Threads, planner.Chooser, sparse);
        var packed = Packed(kernel.PackedSize, filters, planner, kernel.Pack);
        var channels = result.Shape[1];
        var scratch = Planner.Scratch(group[0].Name, DType.Float32, kernel.ScratchSize);
        planner.Emit(new Step(string.Join('+', group.Select(n => n.Name)), $"{(transposed ? "conv-transposed" : "conv")}.{kernel.Kind}{epilogue.Suffix}",
            [source, packed, .. epilogue.Slots], [output], context =>
                kernel.Run(context.Pool, source.Floats, packed.Floats, output.Floats, epilogue.Now(output, channels), kernel.ScratchSize == 0 ? null : scratch.Floats))
        {
            Macs = group[0].Cost.Macs,
            InPlace = epilogue.Residual is { } r && !output.IsPart ? [(0, r)] : [],
            Scratch = kernel.ScratchSize == 0 ? [] : [scratch],
        });
        return true;
    }

    private static bool EmitScattered(IReadOnlyList<Node> group, Planner planner, ConvShape shape, Slot source, Slot filters, EpiloguePlan epilogue)
    {
        var convolution = new ScatteredConvolution(shape);
        var packed = Packed(convolution.PackedSize, filters, planner, convolution.Pack);
        var output = planner.Define(group[^1].Output, Layout.ChannelsLast);
        var scratch = Planner.Scratch(group[0].Name, DType.Float32, convolution.ScratchSize(planner.Options.Threads));
        planner.Emit(new Step(string.Join('+', group.Select(n => n.Name)), $"conv-transposed.scattered{epilogue.Suffix}", [source, packed, .. epilogue.Slots], [output], c =>
        {
            var now = epilogue.Now(output, shape.InChannels);
            convolution.Run(c.Pool, source.Floats, packed.Floats, output.Floats, now.Residual, now.Accumulate, scratch.Floats);
        })
        {
            Macs = group[0].Cost.Macs,
            InPlace = epilogue.Residual is { } r ? [(0, r)] : [],
            Scratch = [scratch],
        });
        return true;
    }

    // Channels that see only themselves, with several filters each; 0 for other convolutions.
    private static int FiltersEach(in ConvShape shape) => shape.Groups > 1 && shape.Groups == shape.InChannels ? shape.OutChannels / shape.Groups : 0;

    // The same convolution with each channel repeated for each of its filters: a depthwise one.
    private static (Slot, ConvShape) Repeated(Slot source, Value data, ConvShape shape, Planner planner)
    {
        var (count, times) = (data.Shape.Count, FiltersEach(shape));
        var repeated = Temporary(source.Name, data.Shape, shape.OutChannels);
        planner.Emit(new Step(source.Name, "copy.Repeat", [source], [repeated], c => ChannelSpread.Repeat(c.Pool, count, times, source.Floats, repeated.Floats)));
        return (repeated, Depthwise(shape));
    }

    // The transposed direction: what each filter gives its channel, then the sum.
    private static bool EmitSummed(Node node, Planner planner, ConvShape shape, Value data, Value weight)
    {
        var convolution = new Convolution(Depthwise(shape), transposed: true);
        var (source, packed) = (planner.Read(data, Layout.ChannelsLast), Packed(convolution.PackedSize, planner.Read(weight), planner, (_, weights, packed) => convolution.Pack(weights, packed)));
        var each = Temporary(node.Output.Name, node.Output.Shape, shape.OutChannels);
        planner.Emit(new Step(node.Name, "conv-transposed.depthwise", [source, packed], [each], c => convolution.Run(c.Pool, source.Floats, packed.Floats, each.Floats, default))
        {
            Macs = node.Cost.Macs,
        });
        var (count, times, output) = (node.Output.Shape.Count, FiltersEach(shape), planner.Define(node.Output, Layout.ChannelsLast));
        planner.Emit(new Step(node.Name, "reduce.Repeat", [each], [output], c => ChannelSpread.Sum(c.Pool, count, times, each.Floats, output.Floats)));
        return true;
    }

    private static ConvShape Depthwise(ConvShape shape) => shape with { InChannels = shape.OutChannels, Groups = shape.OutChannels };

    private static Slot Temporary(string name, Shape image, int channels) =>
        new($"{name}.repeated", new TensorType(DType.Float32, image.With(1, channels)), Layout.ChannelsLast, SlotHome.Arena);

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

    private static Slot Packed(long count, Slot filters, Planner planner, ConvPacking pack)
    {
        var packed = new Slot($"{filters.Name}.packed", DType.Float32, Shape.Create([checked((int)count)]), Layout.RowMajor, SlotHome.Arena, count * sizeof(float));
        planner.Emit(new Step(filters.Name, "conv.pack", [filters], [packed], context => pack(context.Pool, filters.Floats, packed.Floats)));
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
