using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// The binary activation of BNN (Hubara et al. 2016, "Binarized Neural Networks", equation 1) and XNOR-Net: 1 where x &gt;= 0, else -1, so also for NaN; other
/// than <see cref="Sign"/> it has no zero. Its derivative is 0: training puts a <see cref="StraightThrough"/> around it. In standard ONNX a
/// <see cref="Where"/>. Products of it with weights of +-1 run on bits.
/// </summary>
public sealed record Binarize : UnaryOp
{
    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.UnaryFloat(x.Input(0), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [null];

    /// <inheritdoc/>
    public override IReadOnlyList<Value>? AsStandard(Node node, Rewriter r)
    {
        var (b, x) = (r.Builder, r[node.Inputs[0]!]);
        Value Number(float number) => b.Constant(Tensor.Scalar(number).Cast(x.DType));
        return b.ApplyNamed(new Where(), node.Name, 1, [b.Apply(new GreaterOrEqual(), x, Number(0)), Number(1), Number(-1)], [node.Output.Name]);
    }

    private readonly struct Map : IFloatMap
    {
        public T Invoke<T>(T x) where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T> => x >= T.Zero ? T.One : -T.One;
    }
}
