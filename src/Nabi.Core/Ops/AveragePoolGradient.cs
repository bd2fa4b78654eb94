namespace Nabi.Ops;

/// <summary>
/// The gradient of <see cref="AveragePool"/>: every incoming number is shared equally among the elements of its window. Input: dY [N, C, windows].
/// Output: dX [N, C, <see cref="Spatial"/>]. Linear, so its gradient is the average pooling again.
/// </summary>
public sealed record AveragePoolGradient : PoolingOp
{
    /// <summary>Did padding count as zeros? Default false.</summary>
    public bool CountIncludePad { get; init; }

    /// <summary>Spatial sizes of the pooling's input.</summary>
    public ValueArray<int> Spatial { get; init; } = [];

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        foreach (var size in Spatial.Span)
            if (size < 0) throw x.Fail("the spatial size of the pooling's input must be known; fix the input's height and width before differentiating");
        var grad = x.RequireRank(0, Spatial.Count + 2, Spatial.Count + 2);
        var data = Convolution.Joined(grad[0], grad[1], Spatial);
        return Pooled(data).Accepts(grad)
            ? new TensorType(x.Input(0).DType, data)
            : throw x.Fail($"the incoming gradient is {grad} where the pooling's output is {Pooled(data)}");
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var grad = x.Input(0);
        var result = Tensor.Zeros(DType.Float64, Convolution.Joined(grad.Shape[0], grad.Shape[1], Spatial));
        var window = Resolve(result.Shape);
        var (taps, tapCount, windows) = (window.Taps(), window.TapCount, window.OutputCount);
        var incoming = grad.Cast(DType.Float64);
        for (var i = 0; i < incoming.Count; i++)
        {
            var own = taps.AsSpan(i % windows * tapCount, tapCount);
            var divisor = 0;
            foreach (var at in own)
                if (at >= 0 || CountIncludePad && at == ResolvedWindow.InPadding) divisor++;
            var plane = result.Span<double>().Slice(i / windows * window.InputCount, window.InputCount);
            foreach (var at in own)
                if (at >= 0) plane[at] += incoming.Span<double>()[i] / divisor;
        }
        return result.Cast(grad.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, (long)x.Input(0).Count * Resolve(x.Output()).TapCount, x.BytesRead, x.BytesWritten);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
        [g.Builder.Apply(new AveragePool { Window = Window, CeilMode = CeilMode, CountIncludePad = CountIncludePad }, g.Grad)];
}
