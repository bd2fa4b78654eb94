namespace Nabi.Ops;

/// <summary>
/// The gradient of <see cref="MaxPool"/>: every incoming number goes to the element that was the largest of its window. Inputs: X (the pooling's
/// input), dY. Output: dX of X's shape.
/// </summary>
public sealed record MaxPoolGradient : PoolingOp
{
    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var pooled = Pooled(x.RequireRank(0, 3));
        return pooled.Accepts(x.Shape(1)) ? x.Input(0) : throw x.Fail($"the incoming gradient is {x.Shape(1)} where the pooling's output is {pooled}");
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, grad) = (x.Input(0), x.Input(1).Cast(DType.Float64));
        var result = Tensor.Zeros(DType.Float64, data.Shape);
        var at = MaxPool.Positions(data, Resolve(data.Shape));
        for (var i = 0; i < at.Length; i++)
            if (at[i] >= 0) result.Span<double>()[at[i]] += grad.Span<double>()[i];
        return result.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, (long)x.Input(1).Count * Resolve(x.Input(0)).TapCount, x.BytesRead, x.BytesWritten);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var indices = b.ApplyAll(new MaxPool { Window = Window, CeilMode = CeilMode }, 2, g.Input(0))[1];
        return [null, b.Gather(b.Reshape(g.Grad, [Shape.Unknown]), indices)];
    }
}
