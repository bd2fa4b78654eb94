using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class NormalizationTests : IDisposable
{
    private const float Epsilon = 1e-3f;
    private readonly WorkPool pool = new(2);

    public static TheoryData<int> Widths => [.. Enumerable.Range(1, Given.LongestTail), 100];

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(Widths))]
    public void SoftmaxAndItsGradient(int columns)
    {
        const int rows = 37;   // more than two registers, and a rest
        using var x = Given.Floats(rows * columns, 1, -20, 20);
        using var y = new GuardedBuffer<float>(rows * columns);
        using var dy = Given.Floats(rows * columns, 2);
        using var dx = new GuardedBuffer<float>(rows * columns);
        foreach (var logarithm in (bool[])[false, true])
        {
            var expected = new double[rows * columns];
            var gradient = new double[rows * columns];
            for (var r = 0; r < rows; r++)
            {
                double sum = 0, product = 0;
                for (var c = r * columns; c < (r + 1) * columns; c++)
                    sum += Math.Exp(x[c]);
                for (var c = r * columns; c < (r + 1) * columns; c++)
                {
                    expected[c] = logarithm ? x[c] - Math.Log(sum) : Math.Exp(x[c]) / sum;
                    product += logarithm ? dy[c] : dy[c] * expected[c];
                }
                for (var c = r * columns; c < (r + 1) * columns; c++)
                    gradient[c] = logarithm ? dy[c] - (Math.Exp(expected[c]) * product) : expected[c] * (dy[c] - product);
            }
            Softmax.Run(pool, rows, columns, logarithm, x.Pointer, y.Pointer);
            Given.Near(expected, y.Span, 3e-6, "softmax");
            Softmax.Gradient(pool, rows, columns, logarithm, y.Pointer, dy.Pointer, dx.Pointer);
            Given.Near(gradient, dx.Span, 2e-5, "softmax gradient");
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void LayerNormalizationAndItsGradient(int columns)
    {
        const int rows = 7;
        using var x = Given.Floats(rows * columns, 1, -1, 3);
        using var scale = Given.Floats(columns, 2);
        using var bias = Given.Floats(columns, 3);
        using var y = new GuardedBuffer<float>(rows * columns);
        using var dy = Given.Floats(rows * columns, 4);
        using var dx = new GuardedBuffer<float>(rows * columns);
        using var dScale = new GuardedBuffer<float>(columns);
        using var dBias = new GuardedBuffer<float>(columns);
        using var mean = new GuardedBuffer<float>(rows);
        using var inverse = new GuardedBuffer<float>(rows);
        LayerNormalization.Run(pool, rows, columns, Epsilon, x.Pointer, scale.Pointer, bias.Pointer, y.Pointer, mean.Pointer, inverse.Pointer);
        LayerNormalization.Gradient(
            pool, rows, columns, x.Pointer, scale.Pointer, mean.Pointer, inverse.Pointer, dy.Pointer, dx.Pointer, dScale.Pointer, dBias.Pointer);
        var reference = NormalizationReference.Of(rows, columns, x.Span, scale.Span, bias.Span, dy.Span, Epsilon);
        Given.Near(reference.Y, y.Span, 1e-5, "y");
        Given.Near(reference.InputGradient, dx.Span, 2e-3, "dx");
        Given.Near(reference.ScaleGradient, dScale.Span, 1e-5, "dScale");
        Given.Near(reference.BiasGradient, dBias.Span, 1e-5, "dBias");
    }
}
