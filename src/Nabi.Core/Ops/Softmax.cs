using System.Numerics.Tensors;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Softmax</c> (opset 13 on): exp(x) over the sum of exp(x) along <see cref="AxisOp.Axis"/>, shifted by the largest element so that it
/// does not overflow.
/// </summary>
public sealed record Softmax : AxisOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => MapLines(x, Map);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        // y (g - sum(g y))
        var (b, y) = (g.Builder, g.Output());
        return [b.Mul(y, b.Sub(g.Grad, b.ReduceSum(b.Mul(g.Grad, y), [Axis])))];
    }

    private static void Map(Span<double> line)
    {
        if (line.IsEmpty) return;
        var shift = TensorPrimitives.Max<double>(line);
        var sum = 0.0;
        foreach (ref var x in line) sum += x = Math.Exp(x - shift);
        foreach (ref var x in line) x /= sum;
    }
}
