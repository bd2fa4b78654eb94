namespace Nabi.Ops;

/// <summary>
/// An operator that brings groups of elements to mean 0 and variance 1: z = (x - mean) / sqrt(variance + Epsilon), with the biased variance. The
/// operators differ in their groups and in what follows.
/// </summary>
public abstract record NormalizationOp : Op
{
    /// <summary>Added to the variance. Default 1e-5.</summary>
    public float Epsilon { get; init; } = 1e-5f;

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(7);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <summary>z, and the mean and inverse standard deviation of each group.</summary>
    /// <param name="data">Elements in any floating-point type.</param>
    /// <param name="axes">The axes along which a group lies; elements that differ elsewhere are in other groups.</param>
    /// <returns>All in double precision, the statistics with size 1 on the axes.</returns>
    protected (Tensor Z, Tensor Mean, Tensor Inverse) Standardize(Tensor data, ReadOnlySpan<int> axes)
    {
        var dims = data.Shape.Dims.ToArray();
        foreach (var axis in axes) dims[axis] = 1;
        var kept = Shape.Create(dims);
        var group = Moments.Groups(data.Shape, kept);
        var z = data.Cast(DType.Float64).Copy();
        var (mean, variance) = Moments.PerGroup(z, group, kept.Count);
        var inverse = Array.ConvertAll(variance, v => 1 / Math.Sqrt(v + Epsilon));
        var to = z.Span<double>();
        for (var i = 0; i < to.Length; i++) to[i] = (to[i] - mean[group[i]]) * inverse[group[i]];
        return (z, Tensor.Of<double>(kept, mean), Tensor.Of<double>(kept, inverse));
    }

    /// <summary>z as graph nodes.</summary>
    protected Value Standardize(GraphBuilder b, Value data, int[] axes)
    {
        var centered = b.Sub(data, b.ReduceMean(data, axes));
        return b.Div(centered, b.Sqrt(b.Add(b.ReduceMean(b.Mul(centered, centered), axes), Epsilon)));
    }

    /// <summary>z times a factor plus an addend, which broadcast to z, in z's memory.</summary>
    protected static Tensor Scaled(Tensor z, Tensor scale, Tensor? bias)
    {
        var to = z.Span<double>();
        ReadOnlySpan<double> factors = scale.Cast(DType.Float64).Span<double>(), addends = bias is null ? [] : bias.Cast(DType.Float64).Span<double>();
        var (atScale, atBias) = (Elementwise.BroadcastOffsets(scale.Shape, z.Shape), bias is null ? [] : Elementwise.BroadcastOffsets(bias.Shape, z.Shape));
        for (var i = 0; i < to.Length; i++) to[i] = to[i] * factors[atScale[i]] + (bias is null ? 0 : addends[atBias[i]]);
        return z;
    }

    /// <summary>The axes from <paramref name="first"/> to the last.</summary>
    protected static int[] AxesFrom(int first, int rank)
    {
        var axes = new int[rank - first];
        for (var i = 0; i < axes.Length; i++) axes[i] = first + i;
        return axes;
    }

    /// <summary>A vector per channel, shaped so that it broadcasts against [N, C, ...].</summary>
    protected static Tensor PerChannel(Tensor channels, int rank)
    {
        var dims = new int[rank - 1];
        Array.Fill(dims, 1);
        dims[0] = channels.Count;
        return channels.Reshape(Shape.Create(dims));
    }
}
