using System.Numerics.Tensors;

namespace Nabi.Ops;

/// <summary>ONNX <c>LogSoftmax</c> (opset 13 on): x - ln(sum of exp(x)) along <see cref="AxisOp.Axis"/>, without overflow.</summary>
public sealed record LogSoftmax : AxisOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => MapLines(x, Map);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        // g - softmax(x) sum(g)
        var b = g.Builder;
        return [b.Sub(g.Grad, b.Mul(b.Exp(g.Output()), b.ReduceSum(g.Grad, [Axis])))];
    }

    private static void Map(Span<double> line)
    {
        if (line.IsEmpty) return;
        var shift = TensorPrimitives.Max<double>(line);
        var sum = 0.0;
        foreach (var x in line) sum += Math.Exp(x - shift);
        foreach (ref var x in line) x = x - shift - Math.Log(sum);
    }
}
