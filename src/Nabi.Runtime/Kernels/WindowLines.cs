using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>How the elements of a window become one: the operation of a pooling on registers of <typeparamref name="T"/>.</summary>
internal unsafe interface IWindowReduction<T, V>
    where T : unmanaged
    where V : unmanaged
{
    /// <summary>Elements per register.</summary>
    static abstract int Count { get; }

    /// <summary>What a window without elements gives.</summary>
    static abstract V Start { get; }

    /// <summary>Loads a register, or what is left of a pixel.</summary>
    static abstract V Load(T* source, int left);

    /// <summary>Stores a register, or what is left of a pixel.</summary>
    static abstract void Store(V value, T* target, int left);

    /// <summary>Takes in another element, in any order.</summary>
    static abstract V Enter(V sum, V x);

    /// <summary>The result for a window that saw this many elements.</summary>
    static abstract V Leave(V sum, int count);
}

/// <summary>NHWC images whose windows are reduced.</summary>
/// <param name="window">Geometry.</param>
/// <param name="channels">Channels.</param>
/// <param name="countPadding">Whether padding counts as elements that were seen.</param>
/// <param name="x">[Batch, Height, Width, channels].</param>
/// <param name="y">[Batch, OutHeight, OutWidth, channels].</param>
internal readonly unsafe struct WindowLines<T>(in WindowShape window, int channels, bool countPadding, T* x, T* y)
    where T : unmanaged
{
    private readonly WindowShape _window = window;
    private readonly bool _countPadding = countPadding;
    private readonly T* _x = x;
    private readonly T* _y = y;

    public int Channels { get; } = channels;

    /// <summary>Does one worker's share of the lines.</summary>
    public void Run<R, V>(int worker, int workers)
        where R : unmanaged, IWindowReduction<T, V>
        where V : unmanaged
    {
        var (first, last) = WorkPool.Share(_window.Batch * _window.OutHeight, worker, workers);
        for (var line = first; line < last; line++)
        {
            var c = 0;
            for (; c <= Channels - (4 * R.Count); c += 4 * R.Count)
                Strip<Four<R, T, V>, Quad<V>>(line, c);
            while (c < Channels)
            {
                // The last channels are done with some before them, again, where there are as many as a register holds.
                c = Math.Max(0, Math.Min(c, Channels - R.Count));
                Strip<R, V>(line, c);
                c += R.Count;
            }
        }
    }

    // The columns of a window are reduced first: the last of a window is often one of the next window's too.
    private void Strip<R, V>(int line, int channel)
        where R : unmanaged, IWindowReduction<T, V>
        where V : unmanaged
    {
        var w = _window;
        var left = Channels - channel;
        var (n, oy) = Math.DivRem(line, w.OutHeight);
        var rows = PoolWindow.Of(w, oy, 0);
        var (kernel, dilation, width, outputs, channels) = (w.KernelWidth, w.DilationWidth, w.Width, w.OutWidth, Channels);
        var step = (long)w.DilationHeight * width * Channels;
        var count = (rows.Bottom - rows.Top + w.DilationHeight - 1) / w.DilationHeight;
        var image = _x + ((((long)n * w.Height) + rows.Top) * width * Channels) + channel;
        var target = _y + ((long)line * w.OutWidth * Channels) + channel;
        var (shared, known) = (R.Start, -1);
        for (var ox = 0; ox < outputs; ox++, target += channels)
        {
            var sum = R.Start;
            var seen = 0;
            var column = (ox * w.StrideWidth) - w.PadLeft;
            for (var k = 0; k < kernel; k++, column += dilation)
            {
                if ((uint)column >= (uint)width) continue;
                if (column != known && count > 0) shared = Column<R, V>(image + ((long)column * channels), step, count, left);
                known = column;
                sum = R.Enter(sum, shared);
                seen++;
            }
            R.Store(R.Leave(sum, _countPadding ? w.KernelHeight * kernel : seen * count), target, left);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Column<R, V>(T* at, long step, int count, int left)
        where R : unmanaged, IWindowReduction<T, V>
        where V : unmanaged
    {
        var sum = R.Load(at, left);
        for (var y = 1; y < count; y++)
        {
            at += step;
            sum = R.Enter(sum, R.Load(at, left));
        }
        return sum;
    }
}

/// <summary>Four registers.</summary>
internal struct Quad<V>
    where V : unmanaged
{
    public V A;
    public V B;
    public V C;
    public V D;
}

/// <summary>A reduction on four registers at once.</summary>
internal readonly unsafe struct Four<R, T, V> : IWindowReduction<T, Quad<V>>
    where R : unmanaged, IWindowReduction<T, V>
    where T : unmanaged
    where V : unmanaged
{
    public static int Count => 4 * R.Count;

    public static Quad<V> Start
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new() { A = R.Start, B = R.Start, C = R.Start, D = R.Start };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<V> Load(T* source, int left) => new()
    {
        A = R.Load(source, R.Count),
        B = R.Load(source + R.Count, R.Count),
        C = R.Load(source + (2 * R.Count), R.Count),
        D = R.Load(source + (3 * R.Count), R.Count),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Quad<V> value, T* target, int left)
    {
        R.Store(value.A, target, R.Count);
        R.Store(value.B, target + R.Count, R.Count);
        R.Store(value.C, target + (2 * R.Count), R.Count);
        R.Store(value.D, target + (3 * R.Count), R.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<V> Enter(Quad<V> sum, Quad<V> x) => new()
    {
        A = R.Enter(sum.A, x.A),
        B = R.Enter(sum.B, x.B),
        C = R.Enter(sum.C, x.C),
        D = R.Enter(sum.D, x.D),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<V> Leave(Quad<V> sum, int count) => new()
    {
        A = R.Leave(sum.A, count),
        B = R.Leave(sum.B, count),
        C = R.Leave(sum.C, count),
        D = R.Leave(sum.D, count),
    };
}
