using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Clip</c>: min(max(x, lower), upper). Inputs: x, and optionally lower and upper as single numbers. When lower is above upper
/// everything becomes upper. At a limit the gradient flows to x.
/// </summary>
public sealed record Clip : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var type = x.Input(0);
        for (var i = 1; i <= 2; i++)
        {
            if (x.Optional(i) is not { } limit) continue;
            if (limit.DType != type.DType) throw x.Fail($"its limit is {limit.DType}, but its input {type.DType}; they must be equal");
            if (limit.Shape.IsKnown && limit.Shape.Count != 1) throw x.Fail($"its limit has shape {limit.Shape}, but must be one number");
        }
        return type;
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var result = x.Input(0);
        if (x.Optional(1) is { } lower) result = Elementwise.Binary(result, lower.Reshape(Shape.Scalar), default(AtLeast));
        if (x.Optional(2) is { } upper) result = Elementwise.Binary(result, upper.Reshape(Shape.Scalar), default(AtMost));
        return result == x.Input(0) ? result.Copy() : result;
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        foreach (var input in c.Node.Inputs) c.TieBroadcast(input, c.Output());
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var (b, x) = (g.Builder, g.Input(0));
        var flowing = g.Grad;
        Value? ofUpper = null;
        if (g.Has(2))
        {
            var upper = b.Reshape(g.Input(2), Shape.Scalar);
            var raised = g.Has(1) ? b.Max(x, b.Reshape(g.Input(1), Shape.Scalar)) : x;
            var isInside = b.LessOrEqual(raised, upper);
            ofUpper = b.Reshape(b.SumTo(b.Masked(flowing, b.Not(isInside)), upper), g.Input(2).Shape);
            flowing = b.Masked(flowing, isInside);
        }
        if (!g.Has(1)) return g.Has(2) ? [flowing, null, ofUpper] : [flowing];
        var lower = b.Reshape(g.Input(1), Shape.Scalar);
        var isAbove = b.GreaterOrEqual(x, lower);
        var ofLower = b.Reshape(b.SumTo(b.Masked(flowing, b.Not(isAbove)), lower), g.Input(1).Shape);
        flowing = b.Masked(flowing, isAbove);
        return g.Has(2) ? [flowing, ofLower, ofUpper] : [flowing, ofLower];
    }

    private readonly struct AtLeast : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T> => T.Max(a, b);
    }

    private readonly struct AtMost : IBinaryMap
    {
        public T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>, IMinMaxValue<T> => T.Min(a, b);
    }
}
