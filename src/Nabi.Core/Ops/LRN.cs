namespace Nabi.Ops;

/// <summary>
/// ONNX <c>LRN</c>, local response normalization across channels (Krizhevsky et al. 2012, section 3.3): x / (Bias + Alpha / Size * sum of squares of
/// the <see cref="Size"/> channels around)^Beta. Input and output [N, C, ...].
/// </summary>
public sealed record LRN : Op
{
    /// <summary>Factor of the sum of squares. Default 1e-4.</summary>
    public float Alpha { get; init; } = 1e-4f;

    /// <summary>The exponent. Default 0.75.</summary>
    public float Beta { get; init; } = 0.75f;

    /// <summary>Added to the sum. Default 1.</summary>
    public float Bias { get; init; } = 1;

    /// <summary>Channels summed over: (Size - 1) / 2 before, the rest after. Required, at least 1.</summary>
    public int Size { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        _ = x.RequireRank(0, 2);
        return Size >= 1 ? x.Input(0) : throw x.Fail($"size is {Size} but must be 1 or more");
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var (channels, inner) = (data.Shape[1], data.Shape.CountOf(2, data.Shape.Rank));
        var values = data.Cast(DType.Float64).Span<double>();
        var result = Tensor.Empty(DType.Float64, data.Shape);
        for (var i = 0; i < values.Length; i++)
        {
            var c = i / inner % channels;
            var (first, last) = (Math.Max(0, c - (Size - 1) / 2), Math.Min(channels - 1, c + Size / 2));
            var sum = 0.0;
            for (var j = first; j <= last; j++) sum += values[i + (j - c) * inner] * values[i + (j - c) * inner];
            result.Span<double>()[i] = values[i] / Math.Pow(Bias + (double)Alpha / Size * sum, Beta);
        }
        return result.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(Size + 2);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <summary>The channels stay: removing some would change the neighbours of others.</summary>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output(), except: 1);

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        var (b, data) = (g.Builder, x[0]!);
        var channels = data.Shape[1];
        if (channels == Shape.Unknown) throw new NabiException($"Node '{g.Node.Name}' ({Name}): the number of channels must be known to differentiate it.");
        var pads = new long[2 * data.Shape.Rank];
        (pads[1], pads[data.Shape.Rank + 1]) = ((Size - 1) / 2, Size / 2);
        var squares = b.Pad(b.Mul(data, data), pads);
        var sum = b.Slice(squares, 1, 0, channels);
        for (var i = 1; i < Size; i++) sum = b.Add(sum, b.Slice(squares, 1, i, i + channels));
        return [b.Div(data, b.Pow(b.Add(b.Mul(sum, (double)Alpha / Size), Bias), Beta))];
    });
}
