namespace Nabi.Ops;

/// <summary>
/// ONNX <c>MelWeightMatrix</c>: triangular filters, evenly spaced on the mel scale 2595 log10(1 + f / 700), as a matrix
/// [length / 2 + 1, bands] that turns spectra into mel spectra. Inputs, one number each: bands, length of the transform, sample rate in Hz,
/// lowest and highest frequency in Hz.
/// </summary>
public sealed record MelWeightMatrix : Op
{
    /// <summary>Element type of the output. Default <see cref="DType.Float32"/>.</summary>
    public DType OutputDatatype { get; init; } = DType.Float32;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(OutputDatatype, Shape.From(
        [x.Integers(1) is [>= 0 and var length] ? length / 2 + 1 : Shape.Unknown, x.Integers(0) is [var bands] ? bands : Shape.Unknown]));

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => OutputDatatype;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (bands, length, rate) = (x.Input(0).Item(), x.Input(1).Item(), x.Input(2).Item());
        var (low, high) = (Mel(x.Input(3).Item()), Mel(x.Input(4).Item()));
        if (!(bands >= 1 && length >= 1 && rate >= 1)) throw new NabiException("bands, transform length and sample rate must be at least 1");
        var result = Tensor.Zeros(DType.Float64, Shape.From([(long)length / 2 + 1, (long)bands]));
        var step = (high - low) / (bands + 2);
        int Bin(int i) => (int)Math.Floor((length + 1) * Hertz(low + i * step) / rate);
        for (var band = 0; band < bands; band++)
        {
            var (from, center, to) = (Bin(band), Bin(band + 1), Bin(band + 2));
            if (from < 0 || from > center || center > to || Math.Max(center + 1, to) > result.Shape[0])
                throw new NabiException($"the band of bins {from} to {to} is outside the spectrum's {result.Shape[0]} bins; lower the highest frequency");
            Triangle(result, band, from, center, to);
        }
        return result.Cast(OutputDatatype);
    }

    private static void Triangle(Tensor matrix, int band, int from, int center, int to)
    {
        var weights = matrix.Span<double>();
        var columns = matrix.Shape[1];
        if (from == center) weights[center * columns + band] = 1;
        for (var bin = from; bin <= center && from < center; bin++) weights[bin * columns + band] = (bin - from) / (double)(center - from);
        for (var bin = center; bin < to; bin++) weights[bin * columns + band] = (to - bin) / (double)(to - center);
    }

    private static double Mel(double hertz) => 2595 * Math.Log10(1 + hertz / 700);

    private static double Hertz(double mel) => 700 * (Math.Pow(10, mel / 2595) - 1);
}
