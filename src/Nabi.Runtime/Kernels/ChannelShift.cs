using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Moves every channel of NHWC images by an offset of its own, with zeros where nothing came from.</summary>
/// <remarks>
/// Neighbouring channels with the same offset are one run, which is copied in whole registers: what a register writes past its run belongs to later
/// runs of the same pixel, or to the next pixel, and is overwritten by them. The last pixel of a worker's share is copied exactly.
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
            var pixels = Batch * Height * Width;
            var (first, last) = WorkPool.Share(pixels, worker, workers);
            var (line, column) = Math.DivRem(first, Width);
            // Pixels from which a register may be read and written past the end of their channels.
            var spare = (L.Count + Channels - 1) / Channels;
            for (var pixel = first; pixel < last; pixel++)
            {
                var row = line % Height;
                for (var r = 0; r < RunCount; r++)
                {
                    ref readonly var run = ref Runs[r];
                    var target = Y + ((long)pixel * Channels) + run.First;
                    var isInside = (uint)(row + run.Down) < (uint)Height && (uint)(column + run.Right) < (uint)Width;
                    var from = pixel + (run.Down * Width) + run.Right;
                    var source = X + ((long)from * Channels) + run.First;
                    var isExact = pixel + spare >= last || (isInside && from + spare >= pixels);
                    if (isInside) Copy<L, V>(source, target, run.Count, isExact);
                    else Clear<L, V>(target, run.Count, isExact);
                }
                if (++column < Width) continue;
                column = 0;
                line++;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Copy<L, V>(float* source, float* target, int count, bool isExact)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (isExact)
            {
                for (var i = 0; i < count; i++) target[i] = source[i];
                return;
            }
            for (var i = 0; i < count; i += L.Count) L.Store(L.Load(source + i), target + i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Clear<L, V>(float* target, int count, bool isExact)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            if (isExact)
            {
                new Span<float>(target, count).Clear();
                return;
            }
            for (var i = 0; i < count; i += L.Count) L.Store(L.Fill(0), target + i);
        }
    }
}
