namespace Nabi.Ops;

/// <summary>
/// Quantizes and dequantizes at once: exactly <see cref="QuantizeLinear"/> followed by <see cref="DequantizeLinear"/> with integers limited to
/// [<see cref="QMin"/>, <see cref="QMax"/>]. Inputs: x, scale (a scalar or a vector along <see cref="Axis"/>), optional zero point of the scale's shape (integers,
/// whose type an exported QuantizeLinear takes). The gradients are those of LSQ (Esser et al. 2020, equations 3 and 5); see <see cref="FakeQuantizeGradient"/>.
/// </summary>
public sealed record FakeQuantize : Op
{
    /// <summary>The axis of a vector scale; negative counts from the end. Default 1.</summary>
    public int Axis { get; init; } = 1;

    /// <summary>The smallest integer. Default -128.</summary>
    public int QMin { get; init; } = -128;

    /// <summary>The largest integer. Default 127.</summary>
    public int QMax { get; init; } = 127;

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (QMin >= QMax) throw x.Fail($"the integers [{QMin}, {QMax}] are none or one");
        CheckScale(x, 0, 1, Axis);
        return x.Input(0);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, scale, zero) = (x.Input(0), x.Input(1).Cast(DType.Float64), x.Integers(2));
        var offsets = Affine.Offsets(data.Shape, scale.Shape, Axis, 0);
        var isDouble = data.DType == DType.Float64;
        var result = Tensor.Empty(DType.Float64, data.Shape);
        var values = data.Cast(DType.Float64).Span<double>();
        for (var i = 0; i < offsets.Length; i++)
        {
            var (s, z) = (scale.Span<double>()[offsets[i]], zero?[offsets[i]] ?? 0);
            result.Span<double>()[i] = Affine.Dequantize(Affine.Quantize(values[i], s, z, QMin, QMax, isDouble), s, z, isDouble);
        }
        return result.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(4);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.TieAll(c.Input(0), c.Output());
        if (c.Input(1).Shape is not { IsKnown: true, Rank: 1, Count: > 1 }) return;
        c.Tie(c.Input(1), 0, c.Output(), Axis);
        c.Tie(c.Optional(2), 0, c.Output(), Axis);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var parts = g.Builder.ApplyAll(new FakeQuantizeGradient { Axis = Axis, QMin = QMin, QMax = QMax }, 2,
            g.Input(0), g.Grad, g.Input(1), g.Has(2) ? g.Input(2) : null);
        return [parts[0], parts[1], null];
    }

    private static readonly Shape One = [1];

    /// <summary>Checks that the scale at <paramref name="scale"/>, and the zero point after it, fit the data.</summary>
    internal static void CheckScale(InferContext x, int data, int scale, int axis)
    {
        var (shape, scales) = (x.Shape(data), x.Shape(scale));
        if (scales.Rank > 0 && !scales.Equals(One) && !Affine.Fits(shape, scales, shape.Axis(axis), 0))
            throw x.Fail($"a scale of shape {scales} does not fit {shape} along axis {axis}");
        if (x.Has(scale + 1) && !scales.Accepts(x.Shape(scale + 1)))
            throw x.Fail($"the zero point has shape {x.Shape(scale + 1)} where the scale has {scales}");
    }
}
