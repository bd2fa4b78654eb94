using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>Two images of equal channels as one whose channels are theirs in turn: a concatenation and a shuffle of two groups in one pass.</summary>
internal static unsafe class ChannelInterleave
{
    /// <summary>target[row][2 i] = a[row][i], target[row][2 i + 1] = b[row][i].</summary>
    /// <param name="pool">Shares the rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="count">Channels of each source.</param>
    /// <param name="a">The first source; its rows may be part of wider ones.</param>
    /// <param name="b">The second.</param>
    /// <param name="target">[rows, 2 count]; must not overlap the sources.</param>
    public static void Run(WorkPool pool, int rows, int count, PixelRows<float> a, PixelRows<float> b, float* target)
    {
        var kernel = new FloatKernel { Rows = rows, Count = count, A = a, B = b, Target = target };
        pool.Run(ref kernel, 2L * rows * count);
    }

    /// <inheritdoc cref="Run(WorkPool, int, int, PixelRows{float}, PixelRows{float}, float*)"/>
    public static void Run(WorkPool pool, int rows, int count, PixelRows<byte> a, PixelRows<byte> b, byte* target)
    {
        var kernel = new ByteKernel { Rows = rows, Count = count, A = a, B = b, Target = target };
        pool.Run(ref kernel, 2L * rows * count / sizeof(float));
    }

    private struct FloatKernel : IKernel
    {
        public int Rows;
        public int Count;
        public PixelRows<float> A;
        public PixelRows<float> B;
        public float* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            var count = Count;
            for (var row = first; row < last; row++)
            {
                float* a = A[row], b = B[row], target = Target + (2L * row * count);
                var i = 0;
                for (; i <= count - L.Count; i += L.Count) L.StorePairs(L.Load(a + i), L.Load(b + i), target + (2 * i));
                for (; i < count; i++) (target[2 * i], target[(2 * i) + 1]) = (a[i], b[i]);
            }
        }
    }

    private struct ByteKernel : IKernel
    {
        public int Rows;
        public int Count;
        public PixelRows<byte> A;
        public PixelRows<byte> B;
        public byte* Target;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Rows, worker, workers);
            var count = Count;
            for (var row = first; row < last; row++)
            {
                byte* a = A[row], b = B[row], target = Target + (2L * row * count);
                var i = 0;
                if (Vector128.IsHardwareAccelerated && count >= Vector128<byte>.Count)
                {
                    // The last register overlaps the one before: short rows have no scalar tail.
                    for (; i < count; i += Vector128<byte>.Count)
                    {
                        var at = Math.Min(i, count - Vector128<byte>.Count);
                        StorePairs(Vector128.Load(a + at), Vector128.Load(b + at), target + (2 * at));
                    }
                }
                for (; i < count; i++) (target[2 * i], target[(2 * i) + 1]) = (a[i], b[i]);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void StorePairs(Vector128<byte> a, Vector128<byte> b, byte* target)
        {
            var (low, high) = Sse2.IsSupported ? (Sse2.UnpackLow(a, b), Sse2.UnpackHigh(a, b))
                : AdvSimd.Arm64.IsSupported ? (AdvSimd.Arm64.ZipLow(a, b), AdvSimd.Arm64.ZipHigh(a, b))
                : ((Vector128.WidenLower(a) | (Vector128.WidenLower(b) << 8)).AsByte(), (Vector128.WidenUpper(a) | (Vector128.WidenUpper(b) << 8)).AsByte());
            low.Store(target);
            high.Store(target + Vector128<byte>.Count);
        }
    }
}

/// <summary>Rows of channels.</summary>
/// <param name="start">The first channel of the first row.</param>
/// <param name="stride">Elements from one row to the next.</param>
internal readonly unsafe struct PixelRows<T>(T* start, long stride)
    where T : unmanaged
{
    public T* this[int row] => start + (row * stride);
}
