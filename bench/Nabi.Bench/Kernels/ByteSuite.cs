using Nabi.Runtime.Emit;
using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Kernels;

/// <summary>Integer products and convolutions by the managed and by the emitted kernels: GOP/s (two per multiply-accumulate) and share of the peak of <c>vpdpbusd</c>.</summary>
internal static unsafe class ByteSuite
{
    private const int PeakRounds = 1_000_000;

    public static void Run(int threads)
    {
        using var pool = new WorkPool(threads);
        Run(pool);
    }

    public static void Run(WorkPool pool)
    {
        var tiles = ByteTiles.Current;
        var peak = (tiles is null ? double.NaN : PeakGigaOps(tiles.Registers)) * pool.Workers;
        Console.WriteLine($"int8: {(tiles is null ? "nothing emitted" : ByteTileForm.NameOf(tiles.Registers))}, {pool.Workers} thread(s), peak {peak:F0} GOP/s");
        Console.WriteLine($"{"case",-44}{"managed",10}{"emitted",10}{"GOP/s",10}{"of peak",9}");
        if (tiles is not null)
            foreach (var depth in (int[])[16, 64, 128, 256]) Tile(tiles, depth, peak / pool.Workers);
        foreach (var n in (int[])[64, 128, 256, 512, 1024])
            Convolve(pool, $"product {n} x {n} x {n}", Product(n, n, n), peak);
        Convolve(pool, "product 1 x 1000 x 1280", Product(1, 1000, 1280), peak);
        foreach (var (name, shape) in KernelSuite.Convolutions())
            Convolve(pool, name, shape, peak);
    }

    private static double PeakGigaOps(VectorForm registers)
    {
        using var code = new CodeMemory(ByteTileEmitter.EmitPeak(registers));
        var loop = (delegate* unmanaged<long, void>)code.Start;
        var bytes = registers == VectorForm.Zmm ? 64 : 32;
        return 2.0 * bytes * ByteTileEmitter.PeakChains * PeakRounds / Stopclock.MedianSeconds(() => loop(PeakRounds)) / 1e9;
    }

    /// <summary>The largest tile on operands that stay in the first-level cache.</summary>
    private static void Tile(ByteTiles tiles, int depth, double peak)
    {
        const int Calls = 1000;
        var form = tiles.Forms[0];
        var width = 2 * Simd.Lanes;
        float* rows = KernelSuite.Allocate((long)form.Rows * depth), panel = KernelSuite.Allocate((long)depth * width), sums = KernelSuite.Allocate((long)form.Rows * width);
        var bias = KernelSuite.Allocate(width);
        var inputs = stackalloc float*[form.Rows];
        var outputs = stackalloc float*[form.Rows];
        for (var i = 0; i < form.Rows; i++)
        {
            inputs[i] = rows + (i * depth);
            outputs[i] = sums + (i * width);
        }
        var t = new TileArguments { Inputs = inputs, Taps = 1, Depth = depth, Panel = panel, Bias = bias, Outputs = outputs };
        var arguments = (nint)(&t);
        var seconds = Stopclock.MedianSeconds(() =>
        {
            for (var i = 0; i < Calls; i++) tiles.Kernels.Run((TileArguments*)arguments, form.Rows, isNarrow: false, isPair: false);
        });
        Report($"tile {form.Rows} x {width} x {4 * depth}", double.NaN, seconds / Calls, 8.0 * form.Rows * width * depth, peak);
        KernelSuite.Free(rows, panel, sums, bias);
    }

    private static ConvShape Product(int m, int n, int k) => new()
    {
        Window = new() { Height = 1, Width = m, KernelHeight = 1, KernelWidth = 1 }, InChannels = k, OutChannels = n,
    };

    private static void Convolve(WorkPool pool, string name, ConvShape shape, double peak)
    {
        var w = shape.Window;
        float* x = KernelSuite.Allocate(((long)w.Height * w.Width * shape.InChannels / 4) + 1), weights = KernelSuite.Allocate((shape.WeightSize / 4) + 1);
        var y = KernelSuite.Allocate(((long)w.OutHeight * w.OutWidth * shape.OutChannels / 4) + 1);
        var channelScales = new float[shape.OutChannels];
        Array.Fill(channelScales, 0.01f);
        var scales = new QuantizedScales(new(0.02f, 3, true), channelScales, new(0.1f, 0, true));
        var managed = Time(new QuantizedConvolution(shape, tiles: null));
        var conv = new QuantizedConvolution(shape);
        var emitted = conv.IsEmitted ? Time(conv) : managed;
        Report(name, managed, emitted, 2.0 * shape.MultiplyAdds, peak);
        KernelSuite.Free(x, weights, y, null);

        double Time(QuantizedConvolution kernel)
        {
            float* packed = KernelSuite.Allocate(kernel.PackedSize), scratch = KernelSuite.Allocate(kernel.ScratchSize);
            kernel.Pack((sbyte*)weights, packed);
            var seconds = Stopclock.MedianSeconds(() => kernel.Run(pool, (byte*)x, packed, null, scales, (byte*)y, scratch));
            KernelSuite.Free(packed, scratch, null, null);
            return seconds;
        }
    }

    private static void Report(string name, double managed, double emitted, double operations, double peak) =>
        Console.WriteLine($"{name,-44}{managed * 1e3,10:F3}{emitted * 1e3,10:F3}{operations / emitted / 1e9,10:F1}{operations / emitted / 1e9 / peak,9:P0}");
}
