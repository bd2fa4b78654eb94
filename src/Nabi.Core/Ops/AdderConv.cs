namespace Nabi.Ops;

/// <summary>
/// A convolution that compares instead of multiplying (Chen et al. 2020, "AdderNet: Do We Really Need Multiplications in Deep Learning?", equation 2):
/// y[n, m, o] = -sum over c, t of |x[n, c, tap(o, t)] - f[m, c, t]|, the negated L1 distance between window and filter. Taps in the padding see 0.
/// Inputs: X [N, C, spatial], F [M, C, kernel]. Output [N, M, windows], never positive.
/// </summary>
/// <remarks>
/// The gradient with respect to the filters is the full-precision one, X - F (equation 5), rather than its sign; that with respect to the input is
/// F - X limited to [-1, 1] (equation 6). Training scales the filters' gradients, see equations 9 and 10 and <c>TrainingOptions.AdderRate</c>.
/// </remarks>
public sealed record AdderConv : Op
{
    // Elements of the largest value between nodes of the standard form for one sample: filters are treated in parts below it.
    private const int LargestPart = 1 << 22;

    /// <summary>The sliding window; the kernel's size is the filter's.</summary>
    public Window Window { get; init; } = new();

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (data, filter) = (x.RequireRank(0, 3), x.RequireRank(1, 3));
        if (x.Input(0).DType != x.Input(1).DType) throw x.Fail($"its input is {x.Input(0).DType} and its filter {x.Input(1).DType}, which must be equal");
        if (data.Rank != filter.Rank) throw x.Fail($"input {data} and filter {filter} must have the same rank");
        return new TensorType(x.Input(0).DType, Convolution.OutputShape(data, filter, Resolve(data, filter), 1));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, filter) = (x.Input(0), x.Input(1));
        var window = Resolve(data.Shape, filter.Shape);
        var (channels, filters, taps, inputs, outputs) = (data.Shape[1], filter.Shape[0], window.TapCount, window.InputCount, window.OutputCount);
        var places = window.Taps();
        ReadOnlySpan<double> from = data.Cast(DType.Float64).Span<double>(), f = filter.Cast(DType.Float64).Span<double>();
        var result = Tensor.Zeros(DType.Float64, Convolution.Joined(data.Shape[0], filters, window.Output));
        var y = result.Span<double>();
        for (var i = 0; i < y.Length; i++)
        {
            var (n, m, o) = (i / outputs / filters, i / outputs % filters, i % outputs);
            for (var c = 0; c < channels; c++)
                for (var t = 0; t < taps; t++)
                {
                    var at = places[o * taps + t];
                    y[i] -= Math.Abs((at < 0 ? 0 : from[(n * channels + c) * inputs + at]) - f[(m * channels + c) * taps + t]);
                }
        }
        return result.Cast(data.DType);
    }

    /// <summary>No multiplications: per tap one subtraction, whose sign is dropped, and one addition.</summary>
    public override Cost CostOf(CostContext x) => x.Elementwise(2L * x.Input(1).CountOf(1, x.Input(1).Rank));

    /// <summary>As a convolution without groups: where a channel is 0 in the input and in the filters, it adds nothing.</summary>
    public override void Couple(CouplingContext c)
    {
        if (!c.Input(0).Shape.IsRanked || !c.Input(1).Shape.IsKnown) return;
        c.Tie(c.Input(0), 0, c.Output(), 0);
        c.Produce(c.Input(1), 0, c.Output(), 1);
        c.Consume(c.Input(0), 1, c.Input(1), 1);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <summary>
    /// Equation 5 summed over the windows is a convolution's weight gradient minus the filter times the sum of the incoming gradient:
    /// sum dy (x - f) = sum dy x - f sum dy.
    /// </summary>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var (data, filter) = (g.Input(0), g.Input(1));
        var window = Window with { KernelShape = filter.Shape.Dims[2..].ToArray() };
        var sums = new int[filter.Shape.Rank];
        Array.Fill(sums, 1);
        sums[0] = filter.Shape[0];
        var incoming = b.Reshape(b.SumToChannels(g.Grad), Shape.Create(sums));
        return
        [
            b.Apply(new AdderConvInputGradient { Window = window }, g.Grad, data, filter),
            b.Sub(b.Apply(new ConvWeightGradient { Window = window }, data, g.Grad), b.Mul(filter, incoming)),
        ];
    }

    /// <summary>
    /// Tap by tap: a strided slice of the padded input minus the tap's weights, [N, 1, C, windows] - [1, M, C, 1, ...], its magnitude summed over the
    /// channels. Many filters are treated in parts, so that no value between exceeds some 16 MB per sample.
    /// </summary>
    public override IReadOnlyList<Value>? AsStandard(Node node, Rewriter r)
    {
        var (data, filter, b) = (r[node.Inputs[0]!], r[node.Inputs[1]!], r.Builder);
        if (!data.Shape.IsRanked || !filter.Shape.IsKnown || Resolve(data.Shape, filter.Shape) is not { } window || window.Output.Contains(Shape.Unknown)) return null;
        var pads = new long[2 * data.Shape.Rank];
        for (var axis = 0; axis < window.Rank; axis++) (pads[axis + 2], pads[data.Shape.Rank + axis + 2]) = (window.PadBegin[axis], window.PadEnd[axis]);
        var padded = b.Unsqueeze(pads.AsSpan().ContainsAnyExcept(0) ? b.Pad(data, pads) : data, 1);
        var part = (int)Math.Clamp(LargestPart / ((long)filter.Shape[1] * window.OutputCount), 1, filter.Shape[0]);
        var distances = new List<Value>();
        for (var first = 0; first < filter.Shape[0]; first += part)
        {
            var filters = part == filter.Shape[0] ? filter : b.Slice(filter, 0, first, Math.Min(filter.Shape[0], first + part));
            distances.Add(Distance(b, padded, filters, window));
        }
        var sum = distances.Count == 1 ? distances[0] : b.Concat(1, [.. distances]);
        return b.ApplyNamed(new Neg(), node.Name, 1, [sum], [node.Output.Name]);
    }

    /// <summary>The window for an input and a filter of these shapes.</summary>
    public ResolvedWindow Resolve(Shape data, Shape filter) => Window.Resolve(data.Dims[2..], filter.Dims[2..]);

    // The sum over taps and channels of the magnitudes, for some of the filters. The input is [N, 1, C, padded spatial].
    private static Value Distance(GraphBuilder b, Value padded, Value filters, ResolvedWindow window)
    {
        var rank = window.Rank;
        var (axes, steps, taps) = (new long[rank], new long[rank], new int[rank + 3]);
        for (var axis = 0; axis < rank; axis++) (axes[axis], steps[axis]) = (axis + 3, window.Strides[axis]);
        Array.Fill(taps, 1);
        (taps[1], taps[2], taps[3]) = (filters.Shape[0], filters.Shape[1], window.TapCount);
        var (along, strides, channels) = (b.Integers(axes), b.Integers(steps), b.Integers(2));
        var weights = b.Reshape(filters, Shape.Create(taps));
        var parts = window.TapCount == 1 ? [weights] : b.ApplyAll(new Split { Axis = 3 }, window.TapCount, weights, b.Integers(Repeated(1, window.TapCount)));
        Value? sum = null;
        for (var tap = 0; tap < window.TapCount; tap++)
        {
            var (begin, end, rest) = (new long[rank], new long[rank], tap);
            for (var axis = rank - 1; axis >= 0; axis--)
            {
                (rest, var k) = Math.DivRem(rest, window.Kernel[axis]);
                begin[axis] = (long)k * window.Dilations[axis];
                end[axis] = begin[axis] + (window.Output[axis] - 1L) * window.Strides[axis] + 1;
            }
            var seen = b.Apply(new Slice(), padded, b.Integers(begin), b.Integers(end), along, strides);
            var distance = b.Apply(new ReduceSum { Keepdims = false }, b.Abs(b.Sub(seen, parts[tap])), channels);
            sum = sum is null ? distance : b.Add(sum, distance);
        }
        return sum!;
    }

    private static long[] Repeated(long number, int count)
    {
        var list = new long[count];
        Array.Fill(list, number);
        return list;
    }
}
