namespace Nabi.Ops;

/// <summary>How one axis is resized.</summary>
/// <param name="Input">Its size before.</param>
/// <param name="Output">Its size after.</param>
/// <param name="Scale">Output size per input size, as given or as follows from the sizes.</param>
/// <param name="Start">Start of the region of interest, 0 to 1.</param>
/// <param name="End">End of the region of interest, 0 to 1.</param>
internal readonly record struct ResizeGeometry(int Input, int Output, float Scale, float Start, float End)
{
    public bool IsIdentity => Input == Output && Scale == 1;
}

/// <summary>The interpolation along one axis as a sparse matrix: for every output index, input indices and their weights.</summary>
internal sealed class ResizeAxis
{
    private readonly int _inputs;
    private readonly (int Index, double Weight)[][] _rows;

    private ResizeAxis(int inputs, (int, double)[][] rows) => (_inputs, _rows) = (inputs, rows);

    /// <summary>For every output index, input indices and their weights.</summary>
    public IReadOnlyList<IReadOnlyList<(int Index, double Weight)>> Rows => _rows;

    public static ResizeAxis Of(Resize op, ResizeGeometry axis)
    {
        if (axis.Input == 0 && axis.Output > 0) throw new NabiException("an empty axis cannot be resized");
        var rows = new (int, double)[axis.Output][];
        for (var i = 0; i < rows.Length; i++)
        {
            var at = Coordinate(op.CoordinateTransformationMode, axis, i);
            if (op.CoordinateTransformationMode == "tf_crop_and_resize" && !(at >= 0 && at <= axis.Input - 1)) rows[i] = [];
            else if (op.Mode == "nearest") rows[i] = [((int)Math.Clamp(Rounded(op.NearestMode, at), 0, axis.Input - 1), 1)];
            else rows[i] = Taps(op, axis, at);
        }
        return new ResizeAxis(axis.Input, rows);
    }

    /// <summary>The one input of every output, -1 outside the data. For mode nearest.</summary>
    public int[] Nearest() => Array.ConvertAll(_rows, r => r.Length == 0 ? -1 : r[0].Index);

    /// <summary>Every output index itself, -1 outside the data.</summary>
    public int[] Inside()
    {
        var map = new int[_rows.Length];
        for (var i = 0; i < map.Length; i++) map[i] = _rows[i].Length == 0 ? -1 : i;
        return map;
    }

    /// <summary>The matrix times the tensor (Float64) along an axis.</summary>
    public Tensor Apply(Tensor data, int axis)
    {
        var result = Tensor.Zeros(DType.Float64, data.Shape.With(axis, _rows.Length));
        Multiply(data.Span<double>(), result.Span<double>(), data.Shape.CountOf(0, axis), data.Shape.CountOf(axis + 1, data.Shape.Rank), transposed: false);
        return result;
    }

    /// <summary>The transposed matrix times the tensor (Float64) along an axis.</summary>
    public Tensor ApplyTransposed(Tensor gradient, int axis)
    {
        var result = Tensor.Zeros(DType.Float64, gradient.Shape.With(axis, _inputs));
        Multiply(result.Span<double>(), gradient.Span<double>(), gradient.Shape.CountOf(0, axis), gradient.Shape.CountOf(axis + 1, gradient.Shape.Rank), transposed: true);
        return result;
    }

    private void Multiply(Span<double> small, Span<double> large, int outer, int inner, bool transposed)
    {
        for (var o = 0; o < outer; o++)
        {
            for (var row = 0; row < _rows.Length; row++)
            {
                var to = large.Slice((o * _rows.Length + row) * inner, inner);
                foreach (var (index, weight) in _rows[row])
                {
                    var from = small.Slice((o * _inputs + index) * inner, inner);
                    if (transposed) for (var i = 0; i < inner; i++) from[i] += weight * to[i];
                    else for (var i = 0; i < inner; i++) to[i] += weight * from[i];
                }
            }
        }
    }

    // In single precision on purpose: exact arithmetic on a rounded scale would fall on the other side of ties that the modes are about.
    private static float Coordinate(string mode, ResizeGeometry a, int i)
    {
        if (a.IsIdentity && mode != "tf_crop_and_resize") return i;
        switch (mode)
        {
            case "half_pixel": return (i + 0.5f) / a.Scale - 0.5f;
            case "half_pixel_symmetric":
                var adjustment = a.Output / (a.Scale * a.Input);
                return a.Input / 2f * (1 - adjustment) + (i + 0.5f) / a.Scale - 0.5f;
            case "pytorch_half_pixel": return a.Output > 1 ? (i + 0.5f) / a.Scale - 0.5f : 0;
            case "align_corners": return a.Output == 1 ? 0 : i * (float)(a.Input - 1) / (a.Output - 1);
            case "asymmetric": return i / a.Scale;
            case "tf_crop_and_resize":
                return a.Output > 1
                    ? a.Start * (a.Input - 1) + i * (a.End - a.Start) * (a.Input - 1) / (a.Output - 1)
                    : 0.5f * (a.Start + a.End) * (a.Input - 1);
            default: throw new NabiException($"coordinate_transformation_mode '{mode}' is not one that Resize knows");
        }
    }

    private static float Rounded(string mode, float at) => mode switch
    {
        "round_prefer_floor" => MathF.Ceiling(at - 0.5f),
        "round_prefer_ceil" => MathF.Floor(at + 0.5f),
        "floor" => MathF.Floor(at),
        "ceil" => MathF.Ceiling(at),
        _ => throw new NabiException($"nearest_mode '{mode}' is not one of round_prefer_floor, round_prefer_ceil, floor, ceil"),
    };

    // The kernel reaches 1 (linear) or 2 (cubic) input elements to either side, further when antialiasing a shrinking axis.
    private static (int, double)[] Taps(Resize op, ResizeGeometry axis, float at)
    {
        var stretch = op.Antialias ? Math.Min(axis.Scale, 1.0) : 1.0;
        var reach = op.Mode == "linear" ? 1 : 2;
        var whole = Math.Floor(at);
        var start = (int)Math.Floor(-reach / stretch) + 1;
        var taps = new List<(int, double)>();
        var sum = 0.0;
        for (var tap = start; tap <= 1 - start; tap++)
        {
            var distance = Math.Abs(tap - (at - whole)) * stretch;
            var weight = reach == 1 ? Math.Max(0, 1 - distance) : Cubic(distance, op.CubicCoeffA);
            var index = (int)whole + tap;
            if (weight == 0 || (op.ExcludeOutside && (index < 0 || index >= axis.Input))) continue;
            sum += weight;
            taps.Add((Math.Clamp(index, 0, axis.Input - 1), weight));
        }
        if (!op.ExcludeOutside && !op.Antialias) sum = 1;
        return [.. taps.Select(t => (t.Item1, t.Item2 / sum))];
    }

    // Keys, "Cubic convolution interpolation for digital image processing", 1981, equation 15 with free a.
    private static double Cubic(double d, double a) =>
        d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
        : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        : 0;
}
