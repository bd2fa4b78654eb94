using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Few rows times panels of 4-bit numbers, which become floats in registers and go nowhere else: bound by reading half a byte for each product.</summary>
internal unsafe struct Int4Rows<N> : IKernel
    where N : unmanaged, INibbles
{
    /// <summary>Rows of a tile.</summary>
    private const int TileRows = 4;

    public Int4Panels Format;
    public float* Packed;
    public float* Table;
    public float* Rows;
    public long Stride;
    public int Count;
    public FloatSink Sink;

    [SkipLocalsInit]
    public void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var width = 2 * L.Count;
        var tile = stackalloc float[TileRows * width];
        var numbers = stackalloc long[TileRows];
        var clamps = Sink.TryGetRange(out var low, out var high);
        var (first, last) = WorkPool.Share(Format.Count, worker, workers);
        for (var panel = first; panel < last; panel++)
        {
            var column = panel * width;
            var columns = Math.Min(width, Format.Columns - column);
            var packed = Packed + (panel * Format.PanelSize);
            for (var row = 0; row < Count;)
            {
                var rows = Math.Min(TileRows, Count - row);
                for (var i = 0; i < rows; i++)
                {
                    numbers[i] = row + i;
                    Start(row + i, column, columns, tile + (i * width), width);
                }
                if (rows == 1)
                    One<L, V>(packed, Rows + (row * Stride), tile);
                else
                    Four<L, V>(packed, Rows + (row * Stride), rows, tile);
                if (clamps)
                {
                    for (var i = 0; i < rows * width; i += L.Count)
                        L.Store(L.Clamp(L.Load(tile + i), low, high), tile + i);
                }
                Sink.Close<L, V>(tile, width, numbers, rows, column, columns);
                if (!Sink.FinishesInStore)
                    Sink.Finish(numbers, rows, column, columns);
                row += rows;
            }
        }
    }

    // What the sums are added to: the bias and the result's old content.
    private readonly void Start(int row, int column, int columns, float* tile, int width)
    {
        new Span<float>(tile, width).Clear();
        if (Sink.Bias is not null)
            Unsafe.CopyBlockUnaligned(tile, Sink.Bias + column, (uint)(columns * sizeof(float)));
        if (!Sink.Accumulates)
            return;
        var old = Sink.Target(row) + column;
        for (var j = 0; j < columns; j++)
            tile[j] += old[j];
    }

    // Four sums for each register of columns, or the latency of the additions would be the limit.
    private readonly void One<L, V>(float* p, float* x, float* tile)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var width = 2 * L.Count;
        var (block, hasZeros) = (Format.Block, Format.HasZeros);
        var table = Table;
        var (total0, total1) = (L.Load(tile), L.Load(tile + L.Count));
        for (var left = Format.Depth; left > 0; left -= block)
        {
            var scales = p;
            p += hasZeros ? 2 * width : width;
            var (a0, a1, a2, a3) = (L.Fill(0), L.Fill(0), L.Fill(0), L.Fill(0));
            var (b0, b1, b2, b3) = (L.Fill(0), L.Fill(0), L.Fill(0), L.Fill(0));
            var sum = L.Fill(0);
            var length = Math.Min(block, left);
            for (; length >= Int4Panels.PerWord; length -= Int4Panels.PerWord)
            {
                var (v, w) = (L.Load(p), L.Load(p + L.Count));
                p += width;
                V k;
                k = L.Broadcast(x); a0 = L.MultiplyAdd(k, N.Number<L, V>(v, 0, table), a0); b0 = L.MultiplyAdd(k, N.Number<L, V>(w, 0, table), b0);
                k = L.Broadcast(x + 1); a1 = L.MultiplyAdd(k, N.Number<L, V>(v, 1, table), a1); b1 = L.MultiplyAdd(k, N.Number<L, V>(w, 1, table), b1);
                k = L.Broadcast(x + 2); a2 = L.MultiplyAdd(k, N.Number<L, V>(v, 2, table), a2); b2 = L.MultiplyAdd(k, N.Number<L, V>(w, 2, table), b2);
                k = L.Broadcast(x + 3); a3 = L.MultiplyAdd(k, N.Number<L, V>(v, 3, table), a3); b3 = L.MultiplyAdd(k, N.Number<L, V>(w, 3, table), b3);
                k = L.Broadcast(x + 4); a0 = L.MultiplyAdd(k, N.Number<L, V>(v, 4, table), a0); b0 = L.MultiplyAdd(k, N.Number<L, V>(w, 4, table), b0);
                k = L.Broadcast(x + 5); a1 = L.MultiplyAdd(k, N.Number<L, V>(v, 5, table), a1); b1 = L.MultiplyAdd(k, N.Number<L, V>(w, 5, table), b1);
                k = L.Broadcast(x + 6); a2 = L.MultiplyAdd(k, N.Number<L, V>(v, 6, table), a2); b2 = L.MultiplyAdd(k, N.Number<L, V>(w, 6, table), b2);
                k = L.Broadcast(x + 7); a3 = L.MultiplyAdd(k, N.Number<L, V>(v, 7, table), a3); b3 = L.MultiplyAdd(k, N.Number<L, V>(w, 7, table), b3);
                if (hasZeros)
                    sum = AddEight<L, V>(sum, x);
                x += Int4Panels.PerWord;
            }
            if (length > 0)
            {
                var (v, w) = (L.Load(p), L.Load(p + L.Count));
                p += width;
                for (var i = 0; i < length; i++)
                {
                    var k = L.Broadcast(x++);
                    a0 = L.MultiplyAdd(k, N.Number<L, V>(v, i, table), a0);
                    b0 = L.MultiplyAdd(k, N.Number<L, V>(w, i, table), b0);
                    sum = L.Add(sum, k);
                }
            }
            var (s0, s1) = (L.Add(L.Add(a0, a1), L.Add(a2, a3)), L.Add(L.Add(b0, b1), L.Add(b2, b3)));
            if (hasZeros)
            {
                s0 = L.Subtract(s0, L.Multiply(sum, L.Load(scales + width)));
                s1 = L.Subtract(s1, L.Multiply(sum, L.Load(scales + width + L.Count)));
            }
            total0 = L.MultiplyAdd(s0, L.Load(scales), total0);
            total1 = L.MultiplyAdd(s1, L.Load(scales + L.Count), total1);
        }
        L.Store(total0, tile);
        L.Store(total1, tile + L.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V AddEight<L, V>(V sum, float* x)
        where L : unmanaged, ILanes<V>
        where V : unmanaged =>
        L.Add(sum, L.Add(L.Add(L.Add(L.Broadcast(x), L.Broadcast(x + 1)), L.Add(L.Broadcast(x + 2), L.Broadcast(x + 3))),
            L.Add(L.Add(L.Broadcast(x + 4), L.Broadcast(x + 5)), L.Add(L.Broadcast(x + 6), L.Broadcast(x + 7)))));

    // Two to four rows share the unpacking; rows that are not there repeat the last.
    private readonly void Four<L, V>(float* p, float* x, int rows, float* tile)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var width = 2 * L.Count;
        var table = Table;
        var x0 = x;
        var x1 = x + Stride;
        var x2 = x + (Math.Min(2, rows - 1) * Stride);
        var x3 = x + (Math.Min(3, rows - 1) * Stride);
        for (var left = Format.Depth; left > 0; left -= Format.Block)
        {
            var scales = p;
            p += Format.HasZeros ? 2 * width : width;
            var (c00, c01, c10, c11) = (L.Fill(0), L.Fill(0), L.Fill(0), L.Fill(0));
            var (c20, c21, c30, c31) = (L.Fill(0), L.Fill(0), L.Fill(0), L.Fill(0));
            var (zero0, zero1) = Format.HasZeros ? (L.Load(scales + width), L.Load(scales + width + L.Count)) : (L.Fill(0), L.Fill(0));
            for (var length = Math.Min(Format.Block, left); length > 0; length -= Int4Panels.PerWord)
            {
                var (v, w) = (L.Load(p), L.Load(p + L.Count));
                p += width;
                var numbers = Math.Min(Int4Panels.PerWord, length);
                for (var i = 0; i < numbers; i++)
                {
                    var (b0, b1) = (L.Subtract(N.Number<L, V>(v, i, table), zero0), L.Subtract(N.Number<L, V>(w, i, table), zero1));
                    V k;
                    k = L.Broadcast(x0 + i); c00 = L.MultiplyAdd(k, b0, c00); c01 = L.MultiplyAdd(k, b1, c01);
                    k = L.Broadcast(x1 + i); c10 = L.MultiplyAdd(k, b0, c10); c11 = L.MultiplyAdd(k, b1, c11);
                    k = L.Broadcast(x2 + i); c20 = L.MultiplyAdd(k, b0, c20); c21 = L.MultiplyAdd(k, b1, c21);
                    k = L.Broadcast(x3 + i); c30 = L.MultiplyAdd(k, b0, c30); c31 = L.MultiplyAdd(k, b1, c31);
                }
                x0 += numbers;
                x1 += numbers;
                x2 += numbers;
                x3 += numbers;
            }
            var (scale0, scale1) = (L.Load(scales), L.Load(scales + L.Count));
            Add<L, V>(c00, c01, scale0, scale1, tile);
            Add<L, V>(c10, c11, scale0, scale1, tile + width);
            if (rows > 2)
                Add<L, V>(c20, c21, scale0, scale1, tile + (2 * width));
            if (rows > 3)
                Add<L, V>(c30, c31, scale0, scale1, tile + (3 * width));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<L, V>(V sum0, V sum1, V scale0, V scale1, float* tile)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        L.Store(L.MultiplyAdd(sum0, scale0, L.Load(tile)), tile);
        L.Store(L.MultiplyAdd(sum1, scale1, L.Load(tile + L.Count)), tile + L.Count);
    }
}
