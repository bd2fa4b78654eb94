namespace Nabi.Ops;

/// <summary>ONNX <c>Det</c>: the determinants of square matrices [..., M, M], by elimination with row pivots in double precision.</summary>
public sealed record Det : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var shape = x.RequireRank(0, 2);
        if (shape[-1] != shape[-2] && shape[-1] != Shape.Unknown && shape[-2] != Shape.Unknown)
            throw x.Fail($"its input has shape {shape}, but the last two dimensions must be equal");
        return x.Input(0) with { Shape = Shape.Create(shape.Dims[..^2]) };
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var size = data.Shape[-1];
        var result = Tensor.Empty(DType.Float64, Shape.Create(data.Shape.Dims[..^2]));
        var matrices = data.DType == DType.Float64 ? data.Copy() : data.Cast(DType.Float64);
        for (var i = 0; i < result.Count; i++)
            result.Span<double>()[i] = Eliminate(matrices.Span<double>().Slice(i * size * size, size * size), size);
        return result.Cast(data.DType);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x)
    {
        long size = x.Input(0)[-1];
        return x.OfMacs(x.Output().Count * size * size * size / 3);
    }

    private static double Eliminate(Span<double> m, int size)
    {
        var determinant = 1.0;
        for (var k = 0; k < size; k++)
        {
            var pivot = k;
            for (var row = k + 1; row < size; row++)
                if (Math.Abs(m[row * size + k]) > Math.Abs(m[pivot * size + k])) pivot = row;
            if (m[pivot * size + k] == 0) return 0;
            if (pivot != k)
            {
                determinant = -determinant;
                for (var column = k; column < size; column++)
                    (m[k * size + column], m[pivot * size + column]) = (m[pivot * size + column], m[k * size + column]);
            }
            determinant *= m[k * size + k];
            for (var row = k + 1; row < size; row++)
            {
                var factor = m[row * size + k] / m[k * size + k];
                for (var column = k + 1; column < size; column++) m[row * size + column] -= factor * m[k * size + column];
            }
        }
        return determinant;
    }
}
