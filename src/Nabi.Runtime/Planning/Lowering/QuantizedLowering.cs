using Nabi.Ops;
using Nabi.Runtime.Kernels;
using Nabi.Runtime.Planning.Quantized;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Integer kernels for what <see cref="QuantizedMatcher"/> finds, and the conversions between stored and real values.</summary>
internal static unsafe class QuantizedLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(QuantizeLinear)] = LowerQuantize;
        table[typeof(DequantizeLinear)] = LowerDequantize;
    }

    /// <summary>Emits the integer step of a match; false when no kernel takes its geometry.</summary>
    public static bool Lower(QuantizedMatch match, Planner planner) => match switch
    {
        QuantizedProduct product => LowerProduct(product, planner),
        QuantizedSum sum => LowerSum(sum, planner),
        QuantizedMean mean => LowerMean(mean, planner),
        QuantizedGating gating => LowerGating(gating, planner),
        QuantizedFunction function => LowerFunction(function, planner),
        QuantizedMaximum maximum => LowerMaximum(maximum, planner),
        _ => false,
    };

    private static bool LowerProduct(QuantizedProduct match, Planner planner)
    {
        var data = match.Input.Stored;
        if (ShapeOf(match, data) is not { } shape || data.Shape.Count == 0) return false;
        QuantizedConvolution kernel;
        try
        {
            kernel = new QuantizedConvolution(shape);
        }
        catch (ArgumentException)
        {
            return false;   // so large that its accumulator could overflow: it stays in floats
        }
        var layout = match.Root.Op is Conv ? Layout.ChannelsLast : Layout.RowMajor;
        var x = planner.Read(data, layout);
        var weights = planner.Constant($"{match.Root.Name}.weights", match.Weights);
        var packed = new Slot($"{weights.Name}.packed", DType.Int32, Shape.Create([checked((int)kernel.PackedSize)]), Layout.RowMajor, SlotHome.Arena, kernel.PackedSize * sizeof(int));
        planner.Emit(new Step(match.Root.Name, "qconv.pack", [weights], [packed], _ => kernel.Pack((sbyte*)weights.Address, packed.Floats)));
        var bias = match.Bias is null ? null : planner.Constant($"{match.Root.Name}.bias", Tensor.Vector<int>(match.Bias));
        var scales = new QuantizedScales(match.Input.Format, match.WeightScales, match.Output, match.Low, match.High);
        var output = planner.Define(match.Result, layout);
        var scratch = Planner.Scratch(match.Root.Name, DType.Int32, kernel.ScratchSize);
        var kind = (match.Root.Op is Conv ? "qconv" : "qgemm") + (shape.IsDepthwise ? ".depthwise" : kernel.IsEmitted ? ".vnni" : "");
        planner.Emit(new Step(Name(match), kind, [x, packed, .. bias is null ? [] : (Slot[])[bias]], [output], c =>
            kernel.Run(c.Pool, x.Address, packed.Floats, bias is null ? null : (int*)bias.Address, scales, output.Address, scratch.Floats))
        {
            Macs = match.Root.Cost.Macs,
            Scratch = [scratch],
        });
        return true;
    }

    // A matrix product is a 1 x 1 convolution of images of one pixel.
    private static ConvShape? ShapeOf(QuantizedProduct match, Value data)
    {
        if (match.Root.Op is Conv conv)
            return ConvLowering.TryShape(data.Shape, match.Weights.Shape[0], conv.Resolve(data.Shape, match.Weights.Shape), conv.Group);
        var (n, k) = (match.Weights.Shape[0], match.Weights.Shape[1]);
        if (data.Shape.Rank < 2 || k == 0 || n == 0) return null;
        var window = new WindowShape { Batch = data.Shape.Count / k, Height = 1, Width = 1, KernelHeight = 1, KernelWidth = 1 };
        return new ConvShape { Window = window, InChannels = k, OutChannels = n };
    }

    private static bool LowerSum(QuantizedSum match, Planner planner)
    {
        var layout = planner.IsChannelsLast(match.A.Stored) || planner.IsChannelsLast(match.B.Stored) ? Layout.ChannelsLast : Layout.RowMajor;
        var (a, b, y) = (planner.Read(match.A.Stored, layout), planner.Read(match.B.Stored, layout), planner.Define(match.Result, layout));
        var count = match.Result.Shape.Count;
        planner.Emit(new Step(Name(match), "qadd", [a, b], [y], c =>
            Quantization.Add(c.Pool, count, a.Address, match.A.Format, b.Address, match.B.Format, y.Address, match.Output, match.Low, match.High))
        {
            InPlace = [(0, a), (0, b)],
        });
        return true;
    }

    private static bool LowerMean(QuantizedMean match, Planner planner)
    {
        var data = match.Input.Stored;
        if (MeanWindow(match.Root, data.Shape) is not { } window) return false;
        var (x, y) = (planner.Read(data, Layout.ChannelsLast), planner.Define(match.Result, Layout.ChannelsLast));
        var channels = data.Shape[1];
        var countsPadding = match.Root.Op is AveragePool { CountIncludePad: true };
        planner.Emit(new Step(Name(match), "qpool.average", [x], [y], c =>
            QuantizedPooling.Average(c.Pool, window, channels, countsPadding, x.Address, match.Input.Format, y.Address, match.Output)));
        return true;
    }

    private static WindowShape? MeanWindow(Node node, Shape data)
    {
        if (node.Op is AveragePool pool) return WindowShapes.TryOf(data, pool.Resolve(data));
        if (data.Rank is < 3 or > 4 || data.Count == 0) return null;
        var (height, width) = (data.Rank == 3 ? 1 : data[2], data[-1]);
        return new WindowShape { Batch = data[0], Height = height, Width = width, KernelHeight = height, KernelWidth = width };
    }

    private static bool LowerGating(QuantizedGating match, Planner planner)
    {
        if (match.Result.Shape.Count == 0) return false;
        var (x, gates) = (planner.Read(match.Input.Stored, Layout.ChannelsLast), planner.Read(match.Gate.Stored, Layout.ChannelsLast));
        var (y, kernel) = (planner.Define(match.Result, Layout.ChannelsLast), match.Kernel);
        planner.Emit(new Step(Name(match), "qmul.gate", [x, gates], [y], c => kernel.Run(c.Pool, x.Address, gates.Address, y.Address)));
        return true;
    }

    private static bool LowerFunction(QuantizedFunction match, Planner planner)
    {
        var data = match.Input.Stored;
        var layout = planner.ReadAny(data).Layout;
        var (x, table, y) = (planner.Read(data, layout), planner.Constant($"{match.Result.Name}.table", match.Table), planner.Define(match.Result, layout));
        var count = match.Result.Shape.Count;
        planner.Emit(new Step(Name(match), "qtable", [x, table], [y], c => ByteTable.Apply(c.Pool, count, x.Address, table.Address, y.Address)) { InPlace = [(0, x)] });
        return true;
    }

    private static bool LowerMaximum(QuantizedMaximum match, Planner planner)
    {
        var data = match.Input.Stored;
        if (WindowShapes.TryOf(data.Shape, ((MaxPool)match.Root.Op).Resolve(data.Shape)) is not { } window) return false;
        var (x, y) = (planner.Read(data, Layout.ChannelsLast), planner.Define(match.Result, Layout.ChannelsLast));
        var (channels, isSigned) = (data.Shape[1], match.Output.IsSigned);
        planner.Emit(new Step(Name(match), "qpool.max", [x], [y], c => QuantizedPooling.Max(c.Pool, window, channels, isSigned, x.Address, y.Address)));
        return true;
    }

    private static bool LowerQuantize(IReadOnlyList<Node> group, Planner planner)
    {
        var node = group[0];
        if (node.Inputs[0]!.DType != DType.Float32 || QuantizedMatcher.FormatOf(node, node.Output.DType) is not { } format) return false;
        var layout = planner.ReadAny(node.Inputs[0]!).Layout;
        if (layout == Layout.RowMajor && planner.Wishes.Contains(node.Output)) layout = Layout.ChannelsLast;
        var (x, y) = (planner.Read(node.Inputs[0]!, layout), planner.Define(node.Output, layout));
        var count = node.Output.Shape.Count;
        planner.Emit(new Step(node.Name, "quantize", [x], [y], c => Quantization.Quantize(c.Pool, count, x.Floats, format, y.Address)));
        return true;
    }

    private static bool LowerDequantize(IReadOnlyList<Node> group, Planner planner)
    {
        var node = group[0];
        if (node.Output.DType != DType.Float32 || QuantizedMatcher.FormatOf(node, node.Inputs[0]!.DType) is not { } format) return false;
        var layout = planner.ReadAny(node.Inputs[0]!).Layout;
        var (x, y) = (planner.Read(node.Inputs[0]!, layout), planner.Define(node.Output, layout));
        var count = node.Output.Shape.Count;
        planner.Emit(new Step(node.Name, "dequantize", [x], [y], c => Quantization.Dequantize(c.Pool, count, x.Address, format, y.Floats)));
        return true;
    }

    private static string Name(QuantizedMatch match) => string.Join('+', match.Group.Select(n => n.Name));
}
