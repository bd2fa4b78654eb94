using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class AdderConvolutionTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public static TheoryData<string> Names => [.. ConvCases.All.Where(c => c.Value.Groups == 1).Select(c => c.Key)];

    public void Dispose() => pool.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void DistancesAndTheirGradient(string name)
    {
        var shape = ConvCases.All[name];
        var kernel = new AdderConvolution(shape);
        using var x = Given.Floats((long)shape.Window.Batch * shape.Window.Height * shape.Window.Width * shape.InChannels, 1);
        using var f = Given.Floats(shape.WeightSize, 2);
        using var y = new GuardedBuffer<float>((long)shape.Window.Batch * shape.Window.OutHeight * shape.Window.OutWidth * shape.OutChannels);
        using var dy = Given.Floats(y.Length, 3);
        using var dx = Given.Floats(x.Length, 4);
        using var scratch = Given.Floats(kernel.ScratchSize(2), 5);
        using var more = Given.Floats(kernel.GradientScratchSize(2), 6);
        var (distances, gradient) = Reference(shape, x.Span, f.Span, dy.Span);
        kernel.Run(pool, x.Pointer, f.Pointer, y.Pointer, scratch.Pointer);
        Given.Near(distances, y.Span, 1e-5, name);
        kernel.InputGradient(pool, dy.Pointer, x.Pointer, f.Pointer, dx.Pointer, more.Pointer);
        Given.Near(gradient, dx.Span, 1e-4, name);
    }

    private static (double[] Distances, double[] Gradient) Reference(ConvShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> f, ReadOnlySpan<float> dy)
    {
        var w = shape.Window;
        var (y, dx) = (new double[dy.Length], new double[x.Length]);
        for (var i = 0; i < y.Length; i++)
        {
            var (pixel, m) = Math.DivRem(i, shape.OutChannels);
            var (n, oy, ox) = (pixel / w.OutWidth / w.OutHeight, pixel / w.OutWidth % w.OutHeight, pixel % w.OutWidth);
            for (var t = 0; t < w.KernelHeight * w.KernelWidth; t++)
            {
                var row = (oy * w.StrideHeight) + (t / w.KernelWidth * w.DilationHeight) - w.PadTop;
                var column = (ox * w.StrideWidth) + (t % w.KernelWidth * w.DilationWidth) - w.PadLeft;
                var isInside = row >= 0 && row < w.Height && column >= 0 && column < w.Width;
                for (var c = 0; c < shape.InChannels; c++)
                {
                    var at = isInside ? ((((n * w.Height) + row) * w.Width) + column) * shape.InChannels + c : 0;
                    var difference = (double)f[(((m * shape.InChannels) + c) * w.KernelHeight * w.KernelWidth) + t] - (isInside ? x[at] : 0);
                    y[i] -= Math.Abs(difference);
                    if (isInside) dx[at] += dy[i] * Math.Clamp(difference, -1, 1);
                }
            }
        }
        return (y, dx);
    }
}
