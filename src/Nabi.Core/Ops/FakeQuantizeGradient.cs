namespace Nabi.Ops;

/// <summary>
/// The gradient of <see cref="FakeQuantize"/>. With v = x / scale and limits n = QMin - zero, p = QMax - zero: dX = dY where n &lt; v &lt; p, else 0
/// (straight through: Bengio et al. 2013; Esser et al. 2020, equation 5). dScale is the sum of dY times round(v) - v inside, n below and p above
/// (equation 3); the scaling of that gradient by 1 / sqrt(count p) is the trainer's.
/// Inputs: x, dY, scale, optional zero point. Outputs: dX, dScale of the scale's shape. dX is linear in dY and is differentiated in it; dScale is not.
/// </summary>
public sealed record FakeQuantizeGradient : Op
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
        FakeQuantize.CheckScale(x, 0, 2, Axis);
        if (!x.Shape(0).Accepts(x.Shape(1))) throw x.Fail($"the incoming gradient is {x.Shape(1)} where the input is {x.Shape(0)}");
        return new[] { x.Input(0), x.Input(2) };
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, scale, zero) = (x.Input(0), x.Input(2).Cast(DType.Float64), x.Integers(3));
        var offsets = Affine.Offsets(data.Shape, scale.Shape, Axis, 0);
        var (ofData, ofScale) = (Tensor.Zeros(DType.Float64, data.Shape), Tensor.Zeros(DType.Float64, scale.Shape));
        ReadOnlySpan<double> values = data.Cast(DType.Float64).Span<double>(), grad = x.Input(1).Cast(DType.Float64).Span<double>();
        for (var i = 0; i < offsets.Length; i++)
        {
            var (low, high) = (QMin - (zero?[offsets[i]] ?? 0), QMax - (zero?[offsets[i]] ?? 0));
            var v = values[i] / scale.Span<double>()[offsets[i]];
            var isInside = v > low && v < high;
            if (isInside) ofData.Span<double>()[i] = grad[i];
            ofScale.Span<double>()[offsets[i]] += grad[i] * (isInside ? Math.Round(v, MidpointRounding.ToEven) - v : v <= low ? low : high);
        }
        return new[] { ofData.Cast(data.DType), ofScale.Cast(x.Input(2).DType) };
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(6);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        if (g.GradOrNull(1) is not null)
            throw new NabiException($"Node '{g.Node.Name}' ({Name}): the gradient of the scale cannot be differentiated again; freeze the scale.");
        return [null, g.Builder.ApplyAll(this, 2, g.Input(0), g.Grad, g.Input(2), g.Has(3) ? g.Input(3) : null)[0], null, null];
    }
}
