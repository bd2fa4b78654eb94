namespace Nabi.Ops;

/// <summary>
/// ONNX <c>MaxPool</c>: the largest element of every window; of equal ones the first. Input [N, C, spatial]. Outputs: Y [N, C, windows], and
/// optionally Indices (Int64, same shape): where the element is in the flattened input.
/// </summary>
public sealed record MaxPool : PoolingOp
{
    /// <summary>Do indices count the spatial axes column by column (1) or row by row (0)? Default 0.</summary>
    public int StorageOrder { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var shape = Pooled(x.RequireRank(0, 3));
        return new[] { new TensorType(x.Input(0).DType, shape), new TensorType(DType.Int64, shape) };
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => index == 0 ? x.Input(0).DType : DType.Int64;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var window = Resolve(data.Shape);
        var at = Positions(data, window);
        var values = data.Cast(DType.Float64);
        var (y, indices) = (Tensor.Empty(DType.Float64, Pooled(data.Shape)), Tensor.Empty(DType.Int64, Pooled(data.Shape)));
        for (var i = 0; i < at.Length; i++)
        {
            var plane = i / window.OutputCount * window.InputCount;
            y.Span<double>()[i] = at[i] < 0 ? double.NegativeInfinity : values.Span<double>()[at[i]];
            indices.Span<long>()[i] = at[i] < 0 ? -1 : StorageOrder == 0 ? at[i] : plane + ColumnMajor(at[i] - plane, window.Input.Span);
        }
        return new[] { y.Cast(data.DType), indices };
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
        [g.Builder.Apply(new MaxPoolGradient { Window = Window, CeilMode = CeilMode }, g.Input(0), g.Grad)];

    /// <summary>Where in the flattened input each output comes from; -1 for a window that lies in the padding.</summary>
    internal static int[] Positions(Tensor data, ResolvedWindow window)
    {
        var (taps, tapCount, windows) = (window.Taps(), window.TapCount, window.OutputCount);
        var values = data.Cast(DType.Float64).Span<double>();
        var positions = new int[data.Shape[0] * data.Shape[1] * windows];
        for (var i = 0; i < positions.Length; i++)
        {
            var plane = i / windows * window.InputCount;
            var best = -1;
            foreach (var tap in taps.AsSpan(i % windows * tapCount, tapCount))
                if (tap >= 0 && (best < 0 || values[plane + tap] > values[best] || double.IsNaN(values[plane + tap]))) best = plane + tap;
            positions[i] = best;
        }
        return positions;
    }

    private static long ColumnMajor(int offset, ReadOnlySpan<int> sizes)
    {
        long result = 0;
        for (var axis = sizes.Length - 1; axis >= 0; axis--)
        {
            var stride = 1L;
            for (var i = 0; i < axis; i++) stride *= sizes[i];
            result += offset % sizes[axis] * stride;
            offset /= sizes[axis];
        }
        return result;
    }
}
