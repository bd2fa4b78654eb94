using Nabi.Ops;
using Nabi.Runtime.Kernels;
using Nabi.Runtime.Planning.Quantized;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>
/// A convolution or matrix product of <see cref="Binarize"/> or <see cref="Ternarize"/> with constant weights of +-1 behind a DequantizeLinear, whose scales are positive: done on bits.
/// </summary>
internal sealed unsafe class BitProduct
{
    private readonly Node _activation;
    private readonly Tensor _weights;
    private readonly float[] _scales;

    private BitProduct(Node activation, Tensor weights, float[] scales) => (_activation, _weights, _scales) = (activation, weights, scales);

    /// <summary>Do only products on bits read what the node makes? Then they read what lies behind it.</summary>
    public static bool ReadsBehind(Node node)
    {
        if (!IsActivation(node) || node.Output.IsOutput || node.Output.Users.Count == 0) return false;
        foreach (var user in node.Output.Users)
            if (Of(user) is null) return false;
        return true;
    }

    /// <summary>A matrix product as a convolution of images of one pixel.</summary>
    public static ConvShape RowsOf(ProductShape shape) => new()
    {
        Window = new WindowShape { Batch = shape.M, Height = 1, Width = 1, KernelHeight = 1, KernelWidth = 1 }, InChannels = Math.Max(1, shape.K), OutChannels = Math.Max(1, shape.N),
    };

    /// <summary>Emits a product with what is applied to its result, if it can be done on bits; false, before anything is emitted, else.</summary>
    /// <param name="group">The product, then its epilogue.</param>
    /// <param name="planner">Receives the step.</param>
    /// <param name="shape">Its geometry, channels-last.</param>
    public static bool TryEmit(IReadOnlyList<Node> group, Planner planner, ConvShape shape)
    {
        if (Of(group[0]) is not { } product || group[^1].Output.Shape.Count == 0) return false;
        BitConvolution kernel;
        try
        {
            kernel = new BitConvolution(shape, product._activation.Op is Ternarize);
        }
        catch (ArgumentException)
        {
            return false;   // sums that floats do not hold: it stays in floats
        }
        product.Emit(group, planner, kernel);
        return true;
    }

    private static BitProduct? Of(Node node)
    {
        if (node.Op is not (Conv or Ops.Gemm or MatMul) || node.Inputs[0]?.Producer is not { } activation || !IsActivation(activation)) return null;
        if (node.Inputs[1] is not { Producer: { Op: DequantizeLinear { BlockSize: 0 } op } weight } || QuantizedMatcher.Fixed(weight.Inputs[0]) is not { } numbers) return null;
        if (numbers.DType is not (DType.Int8 or DType.Int4) || numbers.Count == 0 || QuantizedMatcher.Fixed(weight.Inputs[1]) is not { DType: DType.Float32 } scales) return null;
        if (weight.Inputs.Count > 2 && weight.Inputs[2] is { } zero && (QuantizedMatcher.Fixed(zero) is not { } zeros || zeros.ToInt64().AsSpan().ContainsAnyExcept(0))) return null;
        var signs = numbers.Cast(DType.Int8);
        if (signs.Span<sbyte>().ContainsAnyExcept((sbyte)1, (sbyte)-1) || QuantizedMatcher.FiltersFirst(node, signs) is not { } filters) return null;
        return QuantizedMatcher.PerFilter(node, op, scales, numbers.Shape.Rank, filters.Shape[0]) is { } perFilter ? new BitProduct(activation, filters, perFilter) : null;
    }

    private static bool IsActivation(Node node) =>
        node.Output.DType == DType.Float32 && (node.Op is Binarize || (node.Op is Ternarize && QuantizedMatcher.Fixed(node.Inputs[1]) is { Count: 1 } threshold && threshold.Item() >= 0));

    private void Emit(IReadOnlyList<Node> group, Planner planner, BitConvolution kernel)
    {
        var (node, result, isImage) = (group[0], group[^1].Output, group[0].Op is Conv);
        var layout = isImage ? Layout.ChannelsLast : Layout.RowMajor;
        var source = planner.Read(_activation.Inputs[0]!, layout);
        var threshold = _activation.Op is Ternarize ? (float)_activation.Inputs[1]!.Data!.Item() : 0;
        var weights = planner.Constant($"{node.Name}.signs", _weights);
        var packed = new Slot($"{node.Name}.bits", DType.Int32, Shape.Create([checked((int)kernel.PackedSize)]), Layout.RowMajor, SlotHome.Arena, kernel.PackedSize * sizeof(int));
        planner.Emit(new Step(node.Name, "bits.pack", [weights], [packed], _ => kernel.Pack((sbyte*)weights.Address, packed.Floats)));
        var scales = planner.Constant($"{node.Name}.scales", Tensor.Vector<float>(_scales));
        var bias = node.Inputs.Count > 2 && node.Inputs[2] is { } own ? planner.Read(own) : null;
        if (Normalization.Of(group) is { } fold) (scales, bias) = fold.Into(scales, bias, planner);
        var epilogue = Epilogues.Plan(group, planner, layout);
        epilogue.Bias ??= bias;
        var output = planner.Define(result, layout);
        var scratch = Planner.Scratch(node.Name, DType.Int32, kernel.ScratchSize(planner.Options.Threads));
        var channels = kernel.Shape.OutChannels;
        var kind = $"{(isImage ? "conv" : "gemm")}.{(_activation.Op is Ternarize ? "ternary" : "binary")}{(kernel.IsEmitted ? ".popcnt" : "")}{epilogue.Suffix}";
        planner.Emit(new Step(string.Join('+', group.Select(n => n.Name).Prepend(_activation.Name)), kind, [source, packed, scales, .. epilogue.Slots], [output], c =>
            kernel.Run(c.Pool, source.Floats, threshold, packed.Floats, scales.Floats, output.Floats, epilogue.Now(output, channels), scratch.Floats))
        {
            Macs = node.Cost.Macs,
            InPlace = epilogue.Residual is { } r ? [(0, r)] : [],
            Scratch = [scratch],
        });
    }
}
