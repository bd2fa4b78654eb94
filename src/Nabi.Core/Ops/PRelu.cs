using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>PRelu</c>: x for x ≥ 0, slope x below (He and others, 2015). The slope, the second input, broadcasts to the shape of x: for
/// one slope per channel of [N, C, H, W] it is [C, 1, 1].
/// </summary>
public sealed record PRelu : BinaryOp
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var type = base.Infer(x)[0];
        return type.Shape.Rank == x.Shape(0).Rank && x.Shape(0).Accepts(type.Shape)
            ? x.Input(0)
            : throw x.Fail($"a slope of shape {x.Shape(1)} does not broadcast to the input's {x.Shape(0)}");
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Elementwise.Binary(x.Input(0), x.Input(1), default(Map));

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (b, x, slope) = (g.Builder, g.Input(0), g.Input(1));
        var isBelow = b.Less(x, 0);
        return
        [
            b.Where(isBelow, b.Mul(g.Grad, slope), g.Grad),
            b.SumTo(b.Masked(b.Mul(g.Grad, x), isBelow), slope),
        ];
    }

    private readonly struct Map : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T> => a < T.Zero ? a * b : a;
    }
}
