namespace Nabi.Ops;

/// <summary>
/// ONNX <c>GridSample</c>: data [N, C, D1, ..., Dk] sampled at the grid [N, E1, ..., Ek, k] of coordinates in [-1, 1], last axis first;
/// output [N, C, E1, ..., Ek].
/// </summary>
public sealed record GridSample : Op
{
    /// <summary>Interpolation: <c>linear</c> (or <c>bilinear</c>), <c>nearest</c> (ties to even) or <c>cubic</c> (or <c>bicubic</c>, a = -0.75). Default <c>linear</c>.</summary>
    public string Mode { get; init; } = "linear";

    /// <summary>What stands outside the data: <c>zeros</c>, <c>border</c> or <c>reflection</c>. Default <c>zeros</c>.</summary>
    public string PaddingMode { get; init; } = "zeros";

    /// <summary>Are -1 and 1 the centres of the corner elements rather than their outer edges? Default false.</summary>
    public bool AlignCorners { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (Mode is not ("linear" or "bilinear" or "nearest" or "cubic" or "bicubic")) throw x.Fail($"mode '{Mode}' is not one of linear, nearest, cubic");
        if (PaddingMode is not ("zeros" or "border" or "reflection")) throw x.Fail($"padding_mode '{PaddingMode}' is not one of zeros, border, reflection");
        var data = x.RequireRank(0, 3);
        var grid = x.RequireRank(1, data.Rank, data.Rank);
        if (grid[-1] != Shape.Unknown && grid[-1] != data.Rank - 2) throw x.Fail($"the grid's last dimension is {grid[-1]}, but the data has {data.Rank - 2} spatial axes");
        return x.Input(0) with { Shape = [data[0], data[1], .. grid.Dims[1..^1]] };
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (shape, gridShape) = (x.Input(0).Shape, x.Input(1).Shape);
        var data = x.Input(0).Cast(DType.Float64).Span<double>();
        var grid = x.Input(1).Cast(DType.Float64).Span<double>();
        var (k, channels) = (shape.Rank - 2, shape[1]);
        var plane = shape.CountOf(2, shape.Rank);
        var points = gridShape.CountOf(1, gridShape.Rank - 1);
        var result = Tensor.Zeros(DType.Float64, [shape[0], channels, .. gridShape.Dims[1..^1]]);
        var to = result.Span<double>();
        var strides = shape.Strides();
        var taps = new List<(int Offset, double Weight)>();
        for (var p = 0; p < shape[0] * points; p++)
        {
            taps.Clear();
            taps.Add((0, 1));
            for (var d = 0; d < k; d++) taps = Extended(taps, grid[p * k + (k - 1 - d)], shape[d + 2], strides[d + 2]);
            var image = p / points;
            for (var c = 0; c < channels; c++)
            {
                var sum = 0.0;
                foreach (var (offset, weight) in taps) sum += weight * data[(image * channels + c) * plane + offset];
                to[(image * channels + c) * points + p % points] = sum;
            }
        }
        return result.Cast(x.Input(0).DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(Mode == "nearest" ? 1 : Mode is "linear" or "bilinear" ? 8 : 32);

    // The product of the taps so far with those of one more axis.
    private List<(int, double)> Extended(List<(int Offset, double Weight)> taps, double coordinate, int size, int stride)
    {
        var at = AlignCorners ? (coordinate + 1) / 2 * (size - 1) : ((coordinate + 1) * size - 1) / 2;
        var result = new List<(int, double)>();
        if (!double.IsFinite(at)) return result;
        var (first, count) = Mode switch
        {
            "nearest" => (Math.Round(at, MidpointRounding.ToEven), 1),
            "linear" or "bilinear" => (Math.Floor(at), 2),
            _ => (Math.Floor(at) - 1, 4),
        };
        for (var i = 0; i < count; i++)
        {
            var weight = count == 1 ? 1 : count == 2 ? 1 - Math.Abs(at - first - i) : Cubic(Math.Abs(at - first - i));
            var index = Inside(first + i, size);
            if (index < 0 || weight == 0) continue;
            foreach (var tap in taps) result.Add((tap.Offset + index * stride, tap.Weight * weight));
        }
        return result;
    }

    private int Inside(double index, int size)
    {
        if (index >= 0 && index < size) return (int)index;
        if (size == 0) return -1;
        switch (PaddingMode)
        {
            case "zeros": return -1;
            case "border": return (int)Math.Clamp(index, 0, size - 1);
            default:
                if (size == 1) return 0;
                // Mirrored at the corner elements' centres, or at their outer edges.
                var period = AlignCorners ? 2.0 * (size - 1) : 2.0 * size;
                var phase = index - Math.Floor(index / period) * period;
                return (int)(phase < size ? phase : AlignCorners ? period - phase : period - 1 - phase);
        }
    }

    private static double Cubic(double d)
    {
        const double a = -0.75;
        return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
    }
}
