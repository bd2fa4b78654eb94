using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Turns a graph with <see cref="FakeQuantize"/> into one with QuantizeLinear and DequantizeLinear: parameters are stored as
/// integers, activations become integers where the runtime and others' runtimes look for them. Both graphs compute equal numbers.
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

    private static IReadOnlyList<Value> StoredParameter(Node node, FakeQuantize fake, Tensor parameter, GraphBuilder b)
    {
        var (scale, zeroPoint) = (ScaleOf(node), node.Inputs.Count > 2 ? node.Inputs[2]?.Data : null);
        var name = node.Inputs[0]!.Name;
        var stored = Stored(parameter, scale, zeroPoint, fake, fake.QMax > 127 ? DType.Int32 : DType.Int8);
        return b.ApplyNamed(new DequantizeLinear { Axis = fake.Axis }, node.Name, 1,
            [b.Constant(stored, $"{name}.int"), b.Constant(scale, $"{name}.unit"), null], [node.Output.Name]);
    }

    // Activations on the same grid share its constants, so that whoever looks sees that they do.
    private static IReadOnlyList<Value> RoundedActivation(Node node, FakeQuantize fake, Rewriter rewriter,
        Dictionary<Value, (Value Scale, Value ZeroPoint)> grids)
    {
        if (fake is not { QMin: -128, QMax: 127 }) throw new NabiException($"Node '{node.Name}' rounds an activation to [{fake.QMin}, {fake.QMax}], but only int8 has an integer form.");
        var (b, scale) = (rewriter.Builder, node.Inputs[1]!);
        if (!grids.TryGetValue(scale, out var grid))
        {
            var zeroPoint = node.Inputs.Count > 2 ? node.Inputs[2]?.Data : null;
            grids[scale] = grid = (
                b.Constant(ScaleOf(node).Reshape(Shape.Scalar), $"{scale.Name}.unit"),
                b.Constant((zeroPoint?.Cast(DType.Int8) ?? Tensor.Vector<sbyte>(0)).Reshape(Shape.Scalar), $"{scale.Name}.zero"));
        }
        var quantized = b.ApplyNamed(new QuantizeLinear(), $"{node.Name}.int8", 1, [rewriter[node.Inputs[0]!], grid.Scale, grid.ZeroPoint])[0];
        return b.ApplyNamed(new DequantizeLinear(), node.Name, 1, [quantized, grid.Scale, grid.ZeroPoint], [node.Output.Name]);
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

    private static Tensor Stored(Tensor parameter, Tensor scale, Tensor? zeroPoint, FakeQuantize fake, DType dtype)
    {
        var result = Tensor.Empty(dtype, parameter.Shape);
        var (values, scales, zeros) = (parameter.ToSingle(), scale.ToSingle(), zeroPoint?.ToInt64());
        var axis = parameter.Shape.Axis(fake.Axis);
        var inner = parameter.Shape.CountOf(axis + 1, parameter.Shape.Rank);
        for (var i = 0; i < values.Length; i++)
        {
            var c = scales.Length == 1 ? 0 : i / inner % scales.Length;
            var q = (int)Math.Clamp((double)MathF.Round(values[i] / scales[c], MidpointRounding.ToEven)
                + (zeros?[c] ?? 0), fake.QMin, fake.QMax);
            if (dtype == DType.Int8) result.Span<sbyte>()[i] = (sbyte)q;
            else result.Span<int>()[i] = q;
        }
        return result;
    }
}
