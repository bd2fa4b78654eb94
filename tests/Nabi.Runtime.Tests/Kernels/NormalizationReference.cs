namespace Nabi.Runtime.Tests.Kernels;

/// <summary>Normalization over rows or columns in double precision, with its gradients.</summary>
internal sealed record NormalizationReference(double[] Y, double[] InputGradient, double[] ScaleGradient, double[] BiasGradient)
{
    public static NormalizationReference Of(
        int rows, int columns, bool perRow, ReadOnlySpan<float> x, ReadOnlySpan<float> scale, ReadOnlySpan<float> bias, ReadOnlySpan<float> dy, double epsilon)
    {
        var result = new NormalizationReference(new double[rows * columns], new double[rows * columns], new double[columns], new double[columns]);
        var sets = perRow ? rows : columns;
        var size = perRow ? columns : rows;
        for (var s = 0; s < sets; s++)
        {
            double mean = 0, variance = 0, gradient = 0, product = 0;
            for (var i = 0; i < size; i++)
                mean += x[At(s, i)] / (double)size;
            for (var i = 0; i < size; i++)
                variance += Math.Pow(x[At(s, i)] - mean, 2) / size;
            var inverse = 1 / Math.Sqrt(variance + epsilon);
            for (var i = 0; i < size; i++)
            {
                var at = At(s, i);
                var c = at % columns;
                var normalized = (x[at] - mean) * inverse;
                result.Y[at] = (normalized * scale[c]) + bias[c];
                result.ScaleGradient[c] += dy[at] * normalized;
                result.BiasGradient[c] += dy[at];
                gradient += (double)dy[at] * scale[c] / size;
                product += (double)dy[at] * scale[c] * normalized / size;
            }
            for (var i = 0; i < size; i++)
            {
                var at = At(s, i);
                result.InputGradient[at] = inverse * (((double)dy[at] * scale[at % columns]) - gradient - ((x[at] - mean) * inverse * product));
            }
        }
        return result;

        int At(int set, int i) => perRow ? (set * columns) + i : (i * columns) + set;
    }
}
