using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

/// <summary>Convolution and its gradients as plain loops in double precision.</summary>
internal static class ConvReference
{
    public static double[] Forward(in ConvShape s, ReadOnlySpan<float> x, ReadOnlySpan<float> weights)
    {
        var y = new double[(long)s.Window.Batch * s.Window.OutHeight * s.Window.OutWidth * s.OutChannels];
        foreach (var (input, output, weight) in Products(s))
            y[output] += (double)x[input] * weights[weight];
        return y;
    }

    public static double[] InputGradient(in ConvShape s, ReadOnlySpan<float> dy, ReadOnlySpan<float> weights)
    {
        var dx = new double[(long)s.Window.Batch * s.Window.Height * s.Window.Width * s.InChannels];
        foreach (var (input, output, weight) in Products(s))
            dx[input] += (double)dy[output] * weights[weight];
        return dx;
    }

    public static double[] WeightGradient(in ConvShape s, ReadOnlySpan<float> x, ReadOnlySpan<float> dy)
    {
        var dw = new double[s.WeightSize];
        foreach (var (input, output, weight) in Products(s))
            dw[weight] += (double)x[input] * dy[output];
        return dw;
    }

    /// <summary>Every product of the convolution, as places in the NHWC input, the NHWC output and the OIHW weights.</summary>
    public static IEnumerable<(int Input, int Output, int Weight)> Products(ConvShape s)
    {
        var w = s.Window;
        var (inGroup, outGroup) = (s.InChannels / s.Groups, s.OutChannels / s.Groups);
        for (var n = 0; n < w.Batch; n++)
        {
            for (var place = 0; place < w.OutHeight * w.OutWidth; place++)
            {
                var (oy, ox) = Math.DivRem(place, w.OutWidth);
                for (var tap = 0; tap < w.KernelHeight * w.KernelWidth; tap++)
                {
                    var (ky, kx) = Math.DivRem(tap, w.KernelWidth);
                    var iy = (oy * w.StrideHeight) + (ky * w.DilationHeight) - w.PadTop;
                    var ix = (ox * w.StrideWidth) + (kx * w.DilationWidth) - w.PadLeft;
                    if (iy < 0 || iy >= w.Height || ix < 0 || ix >= w.Width)
                        continue;
                    var inPixel = (((n * w.Height) + iy) * w.Width) + ix;
                    var outPixel = (n * w.OutHeight * w.OutWidth) + place;
                    for (var o = 0; o < s.OutChannels; o++)
                    {
                        for (var i = 0; i < inGroup; i++)
                        {
                            yield return (
                                (inPixel * s.InChannels) + (o / outGroup * inGroup) + i,
                                (outPixel * s.OutChannels) + o,
                                (((o * inGroup) + i) * w.KernelHeight * w.KernelWidth) + tap);
                        }
                    }
                }
            }
        }
    }
}
