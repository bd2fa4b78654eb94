namespace Nabi.Runtime.Tests.Kernels;

/// <summary>Normalization of rows in double precision, with its gradients.</summary>
internal sealed record NormalizationReference(double[] Y, double[] InputGradient, double[] ScaleGradient, double[] BiasGradient)
{
    public static NormalizationReference Of(
        int rows, int columns, ReadOnlySpan<float> x, ReadOnlySpan<float> scale, ReadOnlySpan<float> bias, ReadOnlySpan<float> dy, double epsilon)
    {
        var result = new NormalizationReference(new double[rows * columns], new double[rows * columns], new double[columns], new double[columns]);
        for (var s = 0; s < rows; s++)
        {
            double mean = 0, variance = 0, gradient = 0, product = 0;
            for (var i = 0; i < columns; i++)
                mean += x[At(s, i)] / (double)columns;
            for (var i = 0; i < columns; i++)
                variance += Math.Pow(x[At(s, i)] - mean, 2) / columns;
            var inverse = 1 / Math.Sqrt(variance + epsilon);
            for (var i = 0; i < columns; i++)
            {
                var at = At(s, i);
                var c = at % columns;
                var normalized = (x[at] - mean) * inverse;
                result.Y[at] = (normalized * scale[c]) + bias[c];
                result.ScaleGradient[c] += dy[at] * normalized;
                result.BiasGradient[c] += dy[at];
                gradient += (double)dy[at] * scale[c] / columns;
                product += (double)dy[at] * scale[c] * normalized / columns;
            }
            for (var i = 0; i < columns; i++)
            {
                var at = At(s, i);
                result.InputGradient[at] = inverse * (((double)dy[at] * scale[at % columns]) - gradient - ((x[at] - mean) * inverse * product));
            }
        }
        return result;

        int At(int row, int i) => (row * columns) + i;
    }
}
