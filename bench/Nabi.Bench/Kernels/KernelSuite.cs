using System.Runtime.InteropServices;
using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Kernels;

/// <summary>Matrix products and convolutions in GFLOP/s (two per multiply-accumulate) and as a share of the single precision peak.</summary>
internal static unsafe class KernelSuite
{
    public static void Run(int threads)
    {
        using var pool = new WorkPool(threads);
        var peak = Peak.GigaFlops() * threads;
        Console.WriteLine($"{Simd.Lanes} lanes, {threads} thread(s), peak {peak:F0} GFLOP/s");
        Console.WriteLine($"{"case",-44}{"ms",10}{"GFLOP/s",10}{"of peak",9}");
        foreach (var (m, n, k) in ((int, int, int)[])[(64, 64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (1, 1000, 1280), (49, 960, 160), (3136, 24, 96)])
            Product(pool, m, n, k, peak);
        foreach (var (name, shape) in Convolutions())
            Convolve(pool, name, shape, peak);
        foreach (var (size, channels, kernel, groups) in ((int, int, int, int)[])[(32, 16, 3, 1), (16, 32, 3, 1), (8, 64, 3, 1), (16, 96, 1, 1), (16, 96, 3, 96)])
            Train(pool, Batched(Of(size, channels, channels, kernel, 1, kernel / 2, groups), 32), peak);
        ByteSuite.Run(pool);
    }

    public static IEnumerable<(string Name, ConvShape Shape)> Convolutions()
    {
        yield return ("conv 3x3/2 224x224x3 -> 32", Of(224, 3, 32, 3, 2, 1));
        yield return ("conv 7x7/2 224x224x3 -> 64", Of(224, 3, 64, 7, 2, 3));
        yield return ("conv 3x3 28x28x1 -> 16", Of(28, 1, 16, 3, 1, 1));
        yield return ("conv 3x3 32x32x3 -> 16", Of(32, 3, 16, 3, 1, 1));
        yield return ("conv 3x3 32x32x16 -> 16", Of(32, 16, 16, 3, 1, 1));
        yield return ("conv 3x3 56x56x64 -> 64", Of(56, 64, 64, 3, 1, 1));
        yield return ("conv 3x3 14x14x256 -> 256", Of(14, 256, 256, 3, 1, 1));
        yield return ("conv 3x3 7x7x512 -> 512", Of(7, 512, 512, 3, 1, 1));
        yield return ("conv 1x1 56x56x64 -> 256", Of(56, 64, 256, 1, 1, 0));
        yield return ("conv 1x1 112x112x16 -> 96", Of(112, 16, 96, 1, 1, 0));
        yield return ("depthwise 3x3 112x112x32", Of(112, 32, 32, 3, 1, 1, 32));
        yield return ("depthwise 3x3/2 56x56x144", Of(56, 144, 144, 3, 2, 1, 144));
        yield return ("depthwise 3x3 14x14x384", Of(14, 384, 384, 3, 1, 1, 384));
        yield return ("depthwise 5x5 14x14x240", Of(14, 240, 240, 5, 1, 2, 240));
    }

    private static ConvShape Of(int size, int inChannels, int outChannels, int kernel, int stride, int pad, int groups = 1) => new()
    {
        Window = new()
        {
            Height = size, Width = size, KernelHeight = kernel, KernelWidth = kernel, StrideHeight = stride, StrideWidth = stride,
            PadTop = pad, PadLeft = pad, PadBottom = pad, PadRight = pad,
        },
        InChannels = inChannels,
        OutChannels = outChannels,
        Groups = groups,
    };

    private static ConvShape Batched(ConvShape shape, int batch) => shape with { Window = shape.Window with { Batch = batch } };

    /// <summary>Forward, gradient with respect to the input, gradient with respect to the weights.</summary>
    private static void Train(WorkPool pool, ConvShape shape, double peak)
    {
        var w = shape.Window;
        var pixels = (long)w.Batch * w.Height * w.Width;
        var name = $"{w.KernelHeight}x{w.KernelWidth} {w.Batch}x{w.Height}x{w.Width}x{shape.InChannels}{(shape.Groups > 1 ? " depthwise" : "")}";
        var (forward, backward, gradient) = (new Convolution(shape), new Convolution(shape, transposed: true), new ConvolutionWeightGradient(shape));
        float* x = Allocate(pixels * shape.InChannels), y = Allocate(pixels * shape.OutChannels), weights = Allocate(shape.WeightSize);
        float* packed = Allocate(Math.Max(forward.PackedSize, backward.PackedSize)), scratch = Allocate(gradient.ScratchSize(pool.Workers));
        forward.Pack(weights, packed);
        var flops = 2.0 * shape.MultiplyAdds;
        Report("train forward " + name, flops, Stopclock.MedianSeconds(() => forward.Run(pool, x, packed, y, default)), peak);
        backward.Pack(weights, packed);
        Report("train dX " + name, flops, Stopclock.MedianSeconds(() => backward.Run(pool, y, packed, x, default)), peak);
        Report("train dW " + name, flops, Stopclock.MedianSeconds(() => gradient.Run(pool, x, y, weights, false, scratch)), peak);
        Free(x, y, weights, packed, scratch);
    }

    private static void Product(WorkPool pool, int m, int n, int k, double peak)
    {
        float* a = Allocate((long)m * k), b = Allocate((long)n * k), c = Allocate((long)m * n), packed = Allocate(Gemm.PackedSize(n, k));
        Gemm.Pack(pool, n, k, b, n, false, packed);
        Report($"gemm {m} x {n} x {k}", 2.0 * m * n * k, Stopclock.MedianSeconds(() => Gemm.Run(pool, m, n, k, a, k, packed, c, n, default)), peak);
        Free(a, b, c, packed);
    }

    private static void Convolve(WorkPool pool, string name, ConvShape shape, double peak)
    {
        var w = shape.Window;
        var conv = new Convolution(shape);
        float* x = Allocate((long)w.Height * w.Width * shape.InChannels), weights = Allocate(shape.WeightSize);
        float* y = Allocate((long)w.OutHeight * w.OutWidth * shape.OutChannels), packed = Allocate(conv.PackedSize);
        float* bias = Allocate(shape.OutChannels), scratch = Allocate(conv.ScratchSize);
        conv.Pack(weights, packed);
        var epilogue = new Epilogue { Bias = bias, Activation = Unary.Relu };
        Report(name, 2.0 * shape.MultiplyAdds, Stopclock.MedianSeconds(() => conv.Run(pool, x, packed, y, epilogue, scratch)), peak);
        Free(x, weights, y, packed, bias, scratch);
    }

    private static void Report(string name, double flops, double seconds, double peak) =>
        Console.WriteLine($"{name,-44}{seconds * 1e3,10:F3}{flops / seconds / 1e9,10:F1}{flops / seconds / 1e9 / peak,9:P0}");

    public static float* Allocate(long count)
    {
        var p = (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
        for (long i = 0; i < count; i++)
            p[i] = ((i * 7919 % 2001) - 1000) * 1e-3f;
        return p;
    }

    private static void Free(params ReadOnlySpan<nint> pointers)
    {
        foreach (var p in pointers)
            NativeMemory.AlignedFree((void*)p);
    }

    public static void Free(float* a, float* b, float* c, float* d, float* e = null, float* f = null) =>
        Free((nint)a, (nint)b, (nint)c, (nint)d, (nint)e, (nint)f);
}
