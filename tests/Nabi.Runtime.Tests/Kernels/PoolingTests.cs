using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class PoolingTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public static TheoryData<string> Names => [.. ConvCases.All.Keys];

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void MaxAndItsGradient(string name)
    {
        var w = ConvCases.All[name].Window;
        foreach (var channels in (int[])[1, 3, 16, 37, 90])
        {
            using var x = Given.Floats((long)w.Batch * w.Height * w.Width * channels, 1);
            using var y = new GuardedBuffer<float>((long)w.Batch * w.OutHeight * w.OutWidth * channels);
            using var dy = Given.Floats(y.Length, 2);
            using var dx = Given.Floats(x.Length, 3);
            var (largest, at) = Largest(w, channels, x.Span);
            var gradient = new double[x.Length];
            for (var i = 0; i < at.Length; i++)
            {
                if (at[i] >= 0)
                    gradient[at[i]] += dy[i];
            }
            Pooling.Max(pool, w, channels, x.Pointer, y.Pointer);
            Assert.True(y.Span.SequenceEqual(largest), name);
            Pooling.MaxGradient(pool, w, channels, x.Pointer, dy.Pointer, dx.Pointer);
            Given.Near(gradient, dx.Span, 1e-5, name);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void AverageAndItsGradient(string name)
    {
        var w = ConvCases.All[name].Window;
        foreach (var countPadding in (bool[])[false, true])
        {
            const int channels = 19;
            using var x = Given.Floats((long)w.Batch * w.Height * w.Width * channels, 1);
            using var y = new GuardedBuffer<float>((long)w.Batch * w.OutHeight * w.OutWidth * channels);
            using var dy = Given.Floats(y.Length, 2);
            using var dx = Given.Floats(x.Length, 3);
            var expected = new double[y.Length];
            var gradient = new double[x.Length];
            var counts = new int[y.Length];
            foreach (var (input, output) in Pairs(w, channels))
                counts[output]++;
            foreach (var (input, output) in Pairs(w, channels))
            {
                var count = countPadding ? w.KernelHeight * w.KernelWidth : counts[output];
                expected[output] += (double)x[input] / count;
                gradient[input] += (double)dy[output] / count;
            }
            Pooling.Average(pool, w, channels, countPadding, x.Pointer, y.Pointer);
            Given.Near(expected, y.Span, 1e-5, name);
            Pooling.AverageGradient(pool, w, channels, countPadding, dy.Pointer, dx.Pointer);
            Given.Near(gradient, dx.Span, 1e-5, name);
        }
    }

    private static (float[] Values, int[] At) Largest(WindowShape w, int channels, ReadOnlySpan<float> x)
    {
        var values = new float[w.Batch * w.OutHeight * w.OutWidth * channels];
        var at = new int[values.Length];
        Array.Fill(values, float.NegativeInfinity);
        Array.Fill(at, -1);
        foreach (var (input, output) in Pairs(w, channels))
        {
            if (x[input] > values[output])
                (values[output], at[output]) = (x[input], input);
        }
        return (values, at);
    }

    private static IEnumerable<(int Input, int Output)> Pairs(WindowShape window, int channels)
    {
        var depthwise = new ConvShape { Window = window, InChannels = channels, OutChannels = channels, Groups = channels };
        foreach (var (input, output, _) in ConvReference.Products(depthwise))
            yield return (input, output);
    }
}
