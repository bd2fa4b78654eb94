namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Resize</c>: resamples the data to other sizes. Inputs: data, optional roi (starts, then ends, in [0, 1], for
/// <c>tf_crop_and_resize</c>), and either scales (floats) or sizes (Int64); an empty tensor counts as absent. Computed axis by axis in
/// double precision.
/// </summary>
public sealed record Resize : Op
{
    /// <summary>Interpolation: <c>nearest</c>, <c>linear</c> or <c>cubic</c>. Default <c>nearest</c>.</summary>
    public string Mode { get; init; } = "nearest";

    /// <summary>
    /// Where an output index lies in the input: <c>half_pixel</c>, <c>half_pixel_symmetric</c>, <c>pytorch_half_pixel</c>,
    /// <c>align_corners</c>, <c>asymmetric</c> or <c>tf_crop_and_resize</c>. Default <c>half_pixel</c>.
    /// </summary>
    public string CoordinateTransformationMode { get; init; } = "half_pixel";

    /// <summary>Rounding of mode nearest: <c>round_prefer_floor</c>, <c>round_prefer_ceil</c>, <c>floor</c>, <c>ceil</c>. Default the first.</summary>
    public string NearestMode { get; init; } = "round_prefer_floor";

    /// <summary>The parameter a of the cubic convolution kernel (Keys 1981). Default -0.75.</summary>
    public float CubicCoeffA { get; init; } = -0.75f;

    /// <summary>Leave out weights outside the data and scale the others to sum 1, rather than repeating the border? Default false.</summary>
    public bool ExcludeOutside { get; init; }

    /// <summary>What stands outside the data in mode <c>tf_crop_and_resize</c>. Default 0.</summary>
    public float ExtrapolationValue { get; init; }

    /// <summary>When shrinking, stretch the interpolation kernel so that every input element counts? Default false.</summary>
    public bool Antialias { get; init; }

    /// <summary>The axes that roi, scales and sizes are for; empty, the default, means all.</summary>
    public ValueArray<int> Axes { get; init; } = [];

    /// <summary>With sizes: <c>stretch</c> to exactly them, or keep the aspect ratio and be <c>not_larger</c> or <c>not_smaller</c>. Default <c>stretch</c>.</summary>
    public string KeepAspectRatioPolicy { get; init; } = "stretch";

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (Mode is not ("nearest" or "linear" or "cubic")) throw x.Fail($"mode '{Mode}' is not one of nearest, linear, cubic");
        var (dtype, shape) = x.Input(0);
        var (roi, scales, sizes) = (x.Constant(1)?.ToSingle(), x.Constant(2)?.ToSingle(), x.Integers(3));
        var known = scales is { Length: > 0 } || sizes is { Length: > 0 };
        if (known && !(IsCrop && x.Has(1) && roi is null)) return new TensorType(dtype, Resized(shape, Geometry(shape, roi, scales, sizes)));
        var dims = shape.Dims.ToArray();
        for (var i = 0; i < dims.Length; i++)
            if (Axes.IsEmpty || Axes.Any(a => shape.Axis(a) == i)) dims[i] = Shape.Unknown;
        return new TensorType(dtype, Shape.Create(dims));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var axes = Weights(data.Shape, x, 1);
        var fill = Tensor.Scalar(ExtrapolationValue).Cast(data.DType);
        if (Mode == "nearest")
            return Movement.Separable(data.Shape, Array.ConvertAll(axes, a => a?.Nearest())).Take(data, fill);
        var result = data.Cast(DType.Float64);
        for (var axis = 0; axis < axes.Length; axis++)
            if (axes[axis] is { } weights) result = weights.Apply(result, axis);
        var resized = result.Cast(data.DType);
        if (!IsCrop) return resized;
        var inside = Movement.Separable(resized.Shape, Array.ConvertAll(axes, a => a?.Inside()));
        return inside.Take(resized, fill);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(Mode switch { "nearest" => 0, "linear" => 8, _ => 32 });

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var rest = g.Node.Inputs.Skip(1).ToArray();
        return [g.Builder.Apply(new ResizeGradient(this), [g.Grad, g.Builder.ShapeOf(g.Input(0)), .. rest]), .. rest.Select(_ => (Value?)null)];
    }

    /// <summary>The interpolation weights of every axis, null where an axis stays as it is.</summary>
    /// <param name="data">Shape of the data.</param>
    /// <param name="x">Where the other inputs are.</param>
    /// <param name="first">The index of the roi in <paramref name="x"/>; scales and sizes follow.</param>
    internal ResizeAxis?[] Weights(Shape data, EvalContext x, int first)
    {
        var geometry = Geometry(data, x.Optional(first)?.ToSingle(), x.Optional(first + 1)?.ToSingle(), x.Integers(first + 2));
        return Array.ConvertAll(geometry, g => g.IsIdentity && !IsCrop ? null : ResizeAxis.Of(this, g));
    }

    private bool IsCrop => CoordinateTransformationMode == "tf_crop_and_resize";

    private ResizeGeometry[] Geometry(Shape data, float[]? roi, float[]? scales, long[]? sizes)
    {
        var count = Axes.IsEmpty ? data.Rank : Axes.Count;
        var useScales = scales is { Length: > 0 };
        if ((useScales ? scales!.Length : sizes?.Length ?? 0) != count)
            throw new NabiException($"it has {(useScales ? scales!.Length : sizes?.Length ?? 0)} scales or sizes for {count} axes");
        if (IsCrop && roi?.Length != 2 * count) throw new NabiException($"tf_crop_and_resize needs a roi of {2 * count} numbers");
        var geometry = new ResizeGeometry[data.Rank];
        for (var axis = 0; axis < geometry.Length; axis++) geometry[axis] = new ResizeGeometry(data[axis], data[axis], 1, 0, 1);
        var ratio = useScales ? 0 : AspectRatio(data, sizes!);
        for (var i = 0; i < count; i++)
        {
            var axis = AxisAt(data, i);
            var (start, end) = IsCrop ? (roi![i], roi[i + count]) : (0f, 1f);
            var (size, scale) = useScales ? Scaled(data[axis], scales![i], end - start) : Sized(data[axis], sizes![i], ratio);
            geometry[axis] = new ResizeGeometry(data[axis], size, scale, start, end);
        }
        return geometry;
    }

    private static (int, float) Scaled(int input, float scale, float part)
    {
        if (!(scale > 0)) throw new NabiException($"a scale of {scale} is not possible");
        if (input == Shape.Unknown) return (input, scale);
        var size = Math.Floor(input * part * scale);
        return size is >= 0 and <= int.MaxValue ? ((int)size, scale) : throw new NabiException($"a dimension of {input} scaled by {scale} has size {size}");
    }

    private static (int, float) Sized(int input, long size, float ratio)
    {
        if (size is < 0 or > int.MaxValue) throw new NabiException($"a size of {size} is not possible");
        if (float.IsNaN(ratio)) return (Shape.Unknown, 1);
        if (ratio > 0) return ((int)MathF.Floor(ratio * input + 0.5f), ratio);
        return ((int)size, input == Shape.Unknown ? 1 : (float)size / input);
    }

    // The one scale for all axes; 0 for stretch, NaN when a dimension is not known.
    private float AspectRatio(Shape data, long[] sizes)
    {
        if (KeepAspectRatioPolicy == "stretch") return 0;
        if (KeepAspectRatioPolicy is not ("not_larger" or "not_smaller"))
            throw new NabiException($"keep_aspect_ratio_policy '{KeepAspectRatioPolicy}' is not one of stretch, not_larger, not_smaller");
        var ratio = float.NaN;
        for (var i = 0; i < sizes.Length; i++)
        {
            var dim = data[AxisAt(data, i)];
            if (dim == Shape.Unknown) return float.NaN;
            var own = (float)sizes[i] / dim;
            ratio = i == 0 ? own : KeepAspectRatioPolicy == "not_larger" ? MathF.Min(ratio, own) : MathF.Max(ratio, own);
        }
        return ratio;
    }

    private int AxisAt(Shape data, int i) => Axes.IsEmpty ? i : data.Axis(Axes[i]);

    private static Shape Resized(Shape data, ResizeGeometry[] geometry)
    {
        var dims = new int[data.Rank];
        for (var i = 0; i < dims.Length; i++) dims[i] = geometry[i].Output;
        return Shape.Create(dims);
    }
}
