namespace Nabi.Ops;

/// <summary>
/// The ternary activation of TBN (Wan et al. 2018, "TBN: Convolutional Neural Network with Ternary Inputs and Binary Weights"): 1 where
/// x &gt; threshold, -1 where x &lt; -threshold, else 0. Inputs: x and the threshold, one number of x's type. Its derivative is 0: training puts a
/// <see cref="StraightThrough"/> around it. In standard ONNX two <see cref="Where"/>. Products of it with weights of +-1 run on bits.
/// </summary>
public sealed record Ternarize : Op
{
    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (x.Shape(1) is { IsKnown: true, Count: not 1 } threshold) throw x.Fail($"its threshold has shape {threshold}, which must be one number");
        return x.Input(0);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, threshold) = (x.Input(0), x.Input(1).Item());
        var result = data.Cast(DType.Float64);
        var numbers = Tensor.Empty(DType.Float64, data.Shape);
        ReadOnlySpan<double> from = result.Span<double>();
        for (var i = 0; i < from.Length; i++) numbers.Span<double>()[i] = from[i] > threshold ? 1 : from[i] < -threshold ? -1 : 0;
        return numbers.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(2);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [null, null];

    /// <inheritdoc/>
    public override IReadOnlyList<Value>? AsStandard(Node node, Rewriter r)
    {
        var (b, x, threshold) = (r.Builder, r[node.Inputs[0]!], r[node.Inputs[1]!]);
        Value Number(float number) => b.Constant(Tensor.Scalar(number).Cast(x.DType));
        var low = b.Apply(new Where(), b.Apply(new Less(), x, b.Neg(threshold)), Number(-1), Number(0));
        return b.ApplyNamed(new Where(), node.Name, 1, [b.Apply(new Greater(), x, threshold), Number(1), low], [node.Output.Name]);
    }
}
