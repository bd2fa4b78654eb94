namespace Nabi.Ops;

/// <summary>
/// ONNX <c>RoiAlign</c> (Mask R-CNN, section 3): regions of an image [N, C, H, W] pooled to a fixed size by bilinear sampling. Inputs:
/// image, regions [R, 4] as x1, y1, x2, y2, and the image index of each region [R]; output [R, C, OutputHeight, OutputWidth].
/// </summary>
public sealed record RoiAlign : Op
{
    /// <summary>Pooling of a bin's samples: <c>avg</c> or <c>max</c>. Default <c>avg</c>.</summary>
    public string Mode { get; init; } = "avg";

    /// <summary>Bins per column. Default 1.</summary>
    public int OutputHeight { get; init; } = 1;

    /// <summary>Bins per row. Default 1.</summary>
    public int OutputWidth { get; init; } = 1;

    /// <summary>Samples per bin and direction; 0, the default, adapts to the region's size.</summary>
    public int SamplingRatio { get; init; }

    /// <summary>Image pixels per region unit. Default 1.</summary>
    public float SpatialScale { get; init; } = 1;

    /// <summary><c>half_pixel</c> shifts coordinates by half a pixel; <c>output_half_pixel</c> does not. Default <c>half_pixel</c>.</summary>
    public string CoordinateTransformationMode { get; init; } = "half_pixel";

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (Mode is not ("avg" or "max")) throw x.Fail($"mode '{Mode}' is not one of avg, max");
        if (OutputHeight < 1 || OutputWidth < 1 || SamplingRatio < 0) throw x.Fail("output sizes must be positive and the sampling ratio not negative");
        if (!x.Shape(1).Accepts([x.RequireRank(2, 1, 1)[0], 4])) throw x.Fail($"regions {x.Shape(1)} and image indices {x.Shape(2)} do not fit [R, 4] and [R]");
        return x.Input(0) with { Shape = [x.RequireRank(1, 2, 2)[0], x.RequireRank(0, 4, 4)[1], OutputHeight, OutputWidth] };
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (image, rois, batch) = (x.Input(0).Cast(DType.Float64), x.Input(1).ToSingle(), x.Integers(2)!);
        var (channels, plane) = (image.Shape[1], image.Shape[2] * image.Shape[3]);
        if (plane == 0) throw new NabiException("the image has no pixels");
        var result = Tensor.Zeros(DType.Float64, [batch.Length, channels, OutputHeight, OutputWidth]);
        var to = result.Span<double>();
        for (var r = 0; r < batch.Length; r++)
        {
            var first = image.Shape.Index(batch[r], 0) * channels;
            var (rows, columns) = (Region(rois[r * 4 + 1], rois[r * 4 + 3], OutputHeight), Region(rois[r * 4], rois[r * 4 + 2], OutputWidth));
            for (var c = 0; c < channels; c++)
            {
                var pixels = image.Span<double>().Slice((first + c) * plane, plane);
                for (var bin = 0; bin < OutputHeight * OutputWidth; bin++)
                    to[(r * channels + c) * OutputHeight * OutputWidth + bin] =
                        Pooled(pixels, image.Shape[2], image.Shape[3], rows.At(bin / OutputWidth), columns.At(bin % OutputWidth));
            }
        }
        return result.Cast(x.Input(0).DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(8L * Math.Max(1, SamplingRatio * SamplingRatio));

    private Bins Region(float start, float end, int bins)
    {
        var shift = CoordinateTransformationMode == "half_pixel" ? 0.5 : 0;
        var (low, high) = (start * SpatialScale - shift, end * SpatialScale - shift);
        var length = shift == 0 ? Math.Max(high - low, 1) : high - low;
        var samples = SamplingRatio > 0 ? SamplingRatio : Math.Ceiling(length / bins);
        // No sample falls outside the image by more than its size, so more samples than this only repeat it.
        return new Bins(low, length / bins, (int)Math.Clamp(samples, 0, 1 << 12));
    }

    private double Pooled(ReadOnlySpan<double> pixels, int height, int width, Bins rows, Bins columns)
    {
        var (sum, max) = (0.0, double.NegativeInfinity);
        for (var i = 0; i < rows.Samples; i++)
        {
            for (var j = 0; j < columns.Samples; j++)
            {
                var value = Sample(pixels, height, width, rows.Sample(i), columns.Sample(j));
                sum += value;
                max = Math.Max(max, value);
            }
        }
        var count = rows.Samples * columns.Samples;
        return count == 0 ? 0 : Mode == "avg" ? sum / count : max;
    }

    private static double Sample(ReadOnlySpan<double> pixels, int height, int width, double y, double x)
    {
        if (!(y >= -1 && y <= height && x >= -1 && x <= width)) return 0;
        (y, x) = (Math.Clamp(y, 0, height - 1), Math.Clamp(x, 0, width - 1));
        var (top, left) = ((int)y, (int)x);
        var (bottom, right) = (Math.Min(top + 1, height - 1), Math.Min(left + 1, width - 1));
        var (fy, fx) = (y - top, x - left);
        return (1 - fy) * ((1 - fx) * pixels[top * width + left] + fx * pixels[top * width + right])
            + fy * ((1 - fx) * pixels[bottom * width + left] + fx * pixels[bottom * width + right]);
    }

    // One direction of a region: where bins begin, how long they are, how many samples each has.
    private readonly record struct Bins(double Start, double Length, int Samples)
    {
        public Bins At(int bin) => this with { Start = Start + bin * Length };

        public double Sample(int i) => Start + (i + 0.5) * Length / Samples;
    }
}
