using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>Moves every channel of NHWC images by an offset of its own, with zeros where nothing came from.</summary>
/// <remarks>
/// Neighbouring channels with the same offset are one run. A run is copied for a whole line of pixels at a time, by one load and store per pixel, or by
/// two that overlap in the middle, as wide as its length asks for.
/// </remarks>
public sealed unsafe class ChannelShift
{
    private readonly Run[] runs;
    private readonly int channels;

    /// <summary>Prepares the move.</summary>
    /// <param name="vertical">Per channel, rows further down from which it is read.</param>
    /// <param name="horizontal">Per channel, columns further right; as many.</param>
    public ChannelShift(ReadOnlySpan<int> vertical, ReadOnlySpan<int> horizontal)
    {
        var found = new List<Run>();
        channels = vertical.Length;
        for (var c = 0; c < channels; c++)
        {
            if (found.Count > 0 && found[^1] is var last && last.Down == vertical[c] && last.Right == horizontal[c]) found[^1] = last with { Count = last.Count + 1 };
            else found.Add(new Run(c, 1, vertical[c], horizontal[c]));
        }
        runs = GC.AllocateUninitializedArray<Run>(found.Count, pinned: true);
        found.CopyTo(runs);
    }

    /// <summary>Moves a batch of images.</summary>
    /// <param name="pool">Shares the pixels.</param>
    /// <param name="batch">Images.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="x">[batch, height, width, channels].</param>
    /// <param name="y">The same, overwritten; must not overlap.</param>
    public void Move(WorkPool pool, int batch, int height, int width, float* x, float* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (runs.Length == 0) return;
        var kernel = new Kernel
        {
            Runs = (Run*)Unsafe.AsPointer(ref runs[0]),
            RunCount = runs.Length,
            Channels = channels,
            Batch = batch,
            Height = height,
            Width = width,
            X = x,
            Y = y,
        };
        pool.Run(ref kernel, (long)batch * height * width * channels);
    }

    /// <summary>Neighbouring channels that go together.</summary>
    private readonly record struct Run(int First, int Count, int Down, int Right);

    private struct Kernel : IKernel
    {
        public Run* Runs;
        public int RunCount;
        public int Channels;
        public int Batch;
        public int Height;
        public int Width;
        public float* X;
        public float* Y;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Batch * Height, worker, workers);
            for (var line = first; line < last; line++)
            {
                for (var r = 0; r < RunCount; r++)
                {
                    ref readonly var run = ref Runs[r];
                    var target = Y + ((long)line * Width * Channels) + run.First;
                    var isInside = (uint)((line % Height) + run.Down) < (uint)Height;
                    // Columns [start, end) have a source.
                    var start = isInside ? Math.Clamp(-run.Right, 0, Width) : Width;
                    var end = Math.Max(start, Math.Min(Width, Width - run.Right));
                    Clear(target, run.Count, start);
                    if (start < end)
                        Copy(X + ((((long)(line + run.Down) * Width) + start + run.Right) * Channels) + run.First, target + ((long)start * Channels), run.Count, end - start);
                    Clear(target + ((long)end * Channels), run.Count, Width - end);
                }
            }
        }

        private readonly void Clear(float* target, int count, int pixels)
        {
            for (; pixels > 0; pixels--, target += Channels) new Span<float>(target, count).Clear();
        }

        private readonly void Copy(float* source, float* target, int count, int pixels)
        {
            switch (count)
            {
                case 1: Copy<float>(source, target, 0, pixels); break;
                case 2 or 3: Copy<double>(source, target, count - 2, pixels); break;
                case <= 8: Copy<Vector128<float>>(source, target, count - 4, pixels); break;
                case <= 16: Copy<Vector256<float>>(source, target, count - 8, pixels); break;
                case <= 32: Copy<Vector512<float>>(source, target, count - 16, pixels); break;
                default:
                    for (; pixels > 0; pixels--, source += Channels, target += Channels)
                        Unsafe.CopyBlockUnaligned(target, source, (uint)count * sizeof(float));
                    break;
            }
        }

        // The first and the last floats of a run; the second piece begins some floats after the first.
        private readonly void Copy<T>(float* source, float* target, int second, int pixels)
            where T : unmanaged
        {
            for (; pixels > 0; pixels--, source += Channels, target += Channels)
            {
                var (head, tail) = (Unsafe.ReadUnaligned<T>(source), Unsafe.ReadUnaligned<T>(source + second));
                Unsafe.WriteUnaligned(target, head);
                Unsafe.WriteUnaligned(target + second, tail);
            }
        }
    }
}
