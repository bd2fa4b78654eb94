namespace Nabi.Ops;

/// <summary>
/// The gradient of <see cref="AdderConv"/> with respect to its input, with the difference limited in place of its sign (Chen et al. 2020, equation 6):
/// dx[n, c, i] = sum over m, o, t with tap(o, t) = i of dy[n, m, o] max(-1, min(1, f[m, c, t] - x[n, c, i])).
/// Inputs: dY [N, M, windows], X [N, C, spatial], F [M, C, kernel]. Output: dX of X's shape.
/// </summary>
public sealed record AdderConvInputGradient : Op
{
    /// <summary>The window of the forward operator.</summary>
    public Window Window { get; init; } = new();

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (grad, data, filter) = (x.RequireRank(0, 3), x.RequireRank(1, 3), x.RequireRank(2, 3));
        var forward = Convolution.OutputShape(data, filter, Resolve(data, filter), 1);
        return forward.Accepts(grad) ? x.Input(1) : throw x.Fail($"the incoming gradient is {grad} where the forward output is {forward}");
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, filter) = (x.Input(1), x.Input(2));
        var window = Resolve(data.Shape, filter.Shape);
        var (channels, filters, taps, inputs, outputs) = (data.Shape[1], filter.Shape[0], window.TapCount, window.InputCount, window.OutputCount);
        var places = window.Taps();
        ReadOnlySpan<double> grad = x.Input(0).Cast(DType.Float64).Span<double>(), from = data.Cast(DType.Float64).Span<double>();
        ReadOnlySpan<double> f = filter.Cast(DType.Float64).Span<double>();
        var result = Tensor.Zeros(DType.Float64, data.Shape);
        var dx = result.Span<double>();
        for (var i = 0; i < grad.Length; i++)
        {
            var (n, m, o) = (i / outputs / filters, i / outputs % filters, i % outputs);
            for (var c = 0; c < channels; c++)
                for (var t = 0; t < taps; t++)
                {
                    if (places[o * taps + t] is not (>= 0 and var place)) continue;
                    var at = (n * channels + c) * inputs + place;
                    dx[at] += grad[i] * Math.Clamp(f[(m * channels + c) * taps + t] - from[at], -1, 1);
                }
        }
        return result.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new((long)x.Input(0).Count * x.Input(2).CountOf(1, x.Input(2).Rank), 0, x.BytesRead, x.BytesWritten);

    /// <summary>The window of the forward operator for an input and a filter of these shapes.</summary>
    public ResolvedWindow Resolve(Shape data, Shape filter) => Window.Resolve(data.Dims[2..], filter.Dims[2..]);
}
