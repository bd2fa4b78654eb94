using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Turns a graph with <see cref="FakeQuantize"/> into one with QuantizeLinear and DequantizeLinear: parameters are stored as
/// integers, activations become integers where the runtime and others' runtimes look for them. Both graphs compute equal numbers. Weights take
/// 4, 8, 16 or 32 bits each, whichever is the narrowest that holds their range, activations 8 or 16; what has fewer bits is stored in the next wider type
/// with a limited range.
/// </summary>
public static class Integers
{
    /// <summary>Biases are integers of at most this magnitude, so that sums on top of them fit 32 bits.</summary>
    internal const int BiasLimit = 1 << 30;

    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("store integers", Convert);

    private static Graph Convert(Graph graph)
    {
        var grids = new Dictionary<Value, (Value Scale, Value ZeroPoint)>();
        return graph.Rewrite((node, rewriter) => node.Op is not FakeQuantize fake ? null
            : node.Inputs[0]!.Data is { } parameter ? StoredParameter(node, fake, parameter, rewriter.Builder)
            : RoundedActivation(node, fake, rewriter, grids));
    }

    /// <summary>A weight as its integers, made floats again where they are read.</summary>
    internal static Value Stored(GraphBuilder b, Value weight, WeightGrid grid) => Dequantized(b, weight.Name, $"{weight.Name}.dequantize",
        grid.Round(weight.Data!), grid.Scales, grid.Zeros, grid.Axis, grid.Block);

    private static Value Dequantized(GraphBuilder b, string parameter, string name, Tensor numbers, Tensor scales, Tensor? zeros, int axis, int block = 0,
        string? output = null) =>
        b.ApplyNamed(new DequantizeLinear { Axis = axis, BlockSize = block }, name, 1,
            [b.Constant(numbers, $"{parameter}.int"), b.Constant(scales, $"{parameter}.unit"), zeros is null ? null : b.Constant(zeros.Cast(numbers.DType), $"{parameter}.zero")],
            output is null ? null : [output])[0];

    private static IReadOnlyList<Value> StoredParameter(Node node, FakeQuantize fake, Tensor parameter, GraphBuilder b)
    {
        var (scale, zeroPoint) = (ScaleOf(node), node.Inputs.Count > 2 ? node.Inputs[2]?.Data : null);
        if (zeroPoint is not null && !zeroPoint.ToInt64().AsSpan().ContainsAnyExcept(0)) zeroPoint = null;
        var numbers = Rounded(parameter, scale, zeroPoint, fake).Cast(WeightFormat.Holding(fake.QMin, fake.QMax));
        return [Dequantized(b, node.Inputs[0]!.Name, node.Name, numbers, scale, zeroPoint, fake.Axis, output: node.Output.Name)];
    }

    // Activations on the same grid share its constants, so that whoever looks sees that they do.
    private static IReadOnlyList<Value> RoundedActivation(Node node, FakeQuantize fake, Rewriter rewriter,
        Dictionary<Value, (Value Scale, Value ZeroPoint)> grids)
    {
        var (b, scale) = (rewriter.Builder, node.Inputs[1]!);
        var zeroPoint = node.Inputs.Count > 2 ? node.Inputs[2]?.Data : null;
        var type = TypeOf(fake, zeroPoint);
        if (!grids.TryGetValue(scale, out var grid))
        {
            grids[scale] = grid = (
                b.Constant(ScaleOf(node).Reshape(Shape.Scalar), $"{scale.Name}.unit"),
                b.Constant((zeroPoint ?? Tensor.Vector<sbyte>(0)).Cast(type).Reshape(Shape.Scalar), $"{scale.Name}.zero"));
        }
        var limits = Limits(type);
        var isNarrow = (fake.QMin > limits.Min || fake.QMax < limits.Max) && !IsMoved(node);
        var x = isNarrow ? Clipped(node, fake, ScaleOf(node).ToSingle()[0], zeroPoint?.ToInt64()[0] ?? 0, rewriter) : rewriter[node.Inputs[0]!];
        var name = type == DType.Int8 ? "int8" : "int";
        var quantized = b.ApplyNamed(new QuantizeLinear(), $"{node.Name}.{name}", 1, [x, grid.Scale, grid.ZeroPoint])[0];
        return [b.ApplyNamed(new DequantizeLinear(), node.Name, 1, [quantized, grid.Scale, grid.ZeroPoint], [node.Output.Name])[0]];
    }

    private static DType TypeOf(FakeQuantize fake, Tensor? zeroPoint)
    {
        var zero = (int)(zeroPoint?.ToInt64()[0] ?? 0);
        return IntegerFormat.Holding(Math.Min(fake.QMin, zero), Math.Max(fake.QMax, zero)) is var type and not DType.Int32 ? type
            : throw new NabiException($"integers of {fake.QMin} to {fake.QMax} have no type for activations");
    }

    private static (int Min, int Max) Limits(DType type) => type switch
    {
        DType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
        DType.UInt8 => (0, byte.MaxValue),
        DType.Int16 => (short.MinValue, short.MaxValue),
        _ => (0, ushort.MaxValue),
    };

    // What only moves or picks values of one grid leaves them within its limits.
    private static bool IsMoved(Node fake) => fake.Inputs[0]!.Producer is
        { Op: MaxPool or Reshape or Flatten or Squeeze or Unsqueeze or Transpose or Slice or Identity or GlobalMaxPool or Concat or Pad } mover
        && (mover.Op is Concat ? mover.Inputs : mover.Inputs.Take(1)).All(v => v?.Producer is { Op: FakeQuantize } before && before.Inputs[1] == fake.Inputs[1]);

    // QuantizeLinear saturates at the limits of its type. A narrower range is clipped before, together with the activation function there is, so that it still
    // is one function after the layer.
    private static Value Clipped(Node node, FakeQuantize fake, float scale, long zero, Rewriter rewriter)
    {
        var (low, high) = ((fake.QMin - zero) * scale, (fake.QMax - zero) * scale);
        var from = node.Inputs[0]!;
        if (from is { UseCount: 1, Producer: { Op: Relu or Clip } function } && function.Inputs.Skip(1).All(v => v is null or { Data.Count: 1 }))
        {
            float? Limit(int input) => function.Inputs.Count > input ? function.Inputs[input]?.Data?.ToSingle()[0] : null;
            (low, high) = (Math.Max(low, function.Op is Relu ? 0 : Limit(1) ?? low), Math.Min(high, function.Op is Relu ? high : Limit(2) ?? high));
            from = function.Inputs[0]!;
        }
        var b = rewriter.Builder;
        return b.ApplyNamed(new Clip(), $"{node.Name}.clip", 1, [rewriter[from], b.Constant(Tensor.Scalar(low)), b.Constant(Tensor.Scalar(high))])[0];
    }

    // A parameter, or the product of two: input scale times weight scale.
    private static Tensor ScaleOf(Node fake)
    {
        var scale = fake.Inputs[1]!;
        if (scale.Data is { } data) return data;
        if (scale.Producer is { Op: Mul, Inputs: [{ Data: { } left }, { Data: { } right }] })
        {
            var (a, c) = (left.ToSingle(), right.ToSingle());
            return Tensor.Vector<float>(Array.ConvertAll(c, s => a[0] * s));
        }
        throw new NabiException($"Node '{fake.Name}' has a scale that is computed while running; only parameters can be stored as integers.");
    }

    private static Tensor Rounded(Tensor parameter, Tensor scale, Tensor? zeroPoint, FakeQuantize fake)
    {
        var result = Tensor.Empty(DType.Int32, parameter.Shape);
        var (values, scales, zeros) = (parameter.ToSingle(), scale.ToSingle(), zeroPoint?.ToInt64());
        var offsets = Affine.Offsets(parameter.Shape, scale.Shape, fake.Axis, 0);
        for (var i = 0; i < values.Length; i++)
            result.Span<int>()[i] = (int)Affine.Quantize(values[i], scales[offsets[i]], zeros?[offsets[i]] ?? 0, fake.QMin, fake.QMax, false);
        return result;
    }
}
