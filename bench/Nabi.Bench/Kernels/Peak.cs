using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Nabi.Runtime.Emit;

namespace Nabi.Bench.Kernels;

/// <summary>What the cores in use can do at most: independent chains of multiply-adds in registers, of floats and of bytes.</summary>
internal sealed class Peak
{
    private const int Rounds = 1_000_000;

    public Peak(int threads)
    {
        GigaFlops = threads * OneCore();
        GigaOps = ByteTiles.Current is { } tiles ? threads * OneCore(tiles.Registers) : double.NaN;
    }

    /// <summary>Float operations per nanosecond.</summary>
    public double GigaFlops { get; }

    /// <summary>Operations of <c>vpdpbusd</c> per nanosecond; not a number where nothing is emitted.</summary>
    public double GigaOps { get; }

    /// <summary>Keeps the result alive.</summary>
    private static float Sink { get; set; }

    public double Of(KernelCase kernel) => kernel.IsInteger ? GigaOps : GigaFlops;

    private static double OneCore()
    {
        if (Vector512.IsHardwareAccelerated)
            return 2.0 * 16 * 12 * Rounds / Stopclock.LeastSeconds(() => Sink = Wide512().ToScalar()) / 1e9;
        return Vector256.IsHardwareAccelerated ? 2.0 * 8 * 12 * Rounds / Stopclock.LeastSeconds(() => Sink = Wide256().ToScalar()) / 1e9 : double.NaN;
    }

    private static unsafe double OneCore(VectorForm registers)
    {
        using var code = new CodeMemory(ByteTileEmitter.EmitPeak(registers));
        var loop = (delegate* unmanaged<long, void>)code.Start;
        var bytes = registers == VectorForm.Zmm ? 64 : 32;
        return 2.0 * bytes * ByteTileEmitter.PeakChains * Rounds / Stopclock.LeastSeconds(() => loop(Rounds)) / 1e9;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static Vector512<float> Wide512()
    {
        Vector512<float> x = Vector512.Create(1e-9f), y = Vector512.Create(0.5f);
        Vector512<float> a = x, b = x * 2, c = x * 3, d = x * 4, e = x * 5, f = x * 6, g = x * 7, h = x * 8, i = x * 9, j = x * 10, k = x * 11, l = x * 12;
        for (var n = 0; n < Rounds; n++)
        {
            a = Vector512.FusedMultiplyAdd(a, y, x); b = Vector512.FusedMultiplyAdd(b, y, x); c = Vector512.FusedMultiplyAdd(c, y, x);
            d = Vector512.FusedMultiplyAdd(d, y, x); e = Vector512.FusedMultiplyAdd(e, y, x); f = Vector512.FusedMultiplyAdd(f, y, x);
            g = Vector512.FusedMultiplyAdd(g, y, x); h = Vector512.FusedMultiplyAdd(h, y, x); i = Vector512.FusedMultiplyAdd(i, y, x);
            j = Vector512.FusedMultiplyAdd(j, y, x); k = Vector512.FusedMultiplyAdd(k, y, x); l = Vector512.FusedMultiplyAdd(l, y, x);
        }
        return a + b + c + d + e + f + g + h + i + j + k + l;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static Vector256<float> Wide256()
    {
        Vector256<float> x = Vector256.Create(1e-9f), y = Vector256.Create(0.5f);
        Vector256<float> a = x, b = x * 2, c = x * 3, d = x * 4, e = x * 5, f = x * 6, g = x * 7, h = x * 8, i = x * 9, j = x * 10, k = x * 11, l = x * 12;
        for (var n = 0; n < Rounds; n++)
        {
            a = Vector256.FusedMultiplyAdd(a, y, x); b = Vector256.FusedMultiplyAdd(b, y, x); c = Vector256.FusedMultiplyAdd(c, y, x);
            d = Vector256.FusedMultiplyAdd(d, y, x); e = Vector256.FusedMultiplyAdd(e, y, x); f = Vector256.FusedMultiplyAdd(f, y, x);
            g = Vector256.FusedMultiplyAdd(g, y, x); h = Vector256.FusedMultiplyAdd(h, y, x); i = Vector256.FusedMultiplyAdd(i, y, x);
            j = Vector256.FusedMultiplyAdd(j, y, x); k = Vector256.FusedMultiplyAdd(k, y, x); l = Vector256.FusedMultiplyAdd(l, y, x);
        }
        return a + b + c + d + e + f + g + h + i + j + k + l;
    }
}
