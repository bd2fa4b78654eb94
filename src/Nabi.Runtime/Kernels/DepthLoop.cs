using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The left matrix of a product whose reduction is the long dimension, stored by depth: gathered tile by tile.</summary>
internal unsafe interface IDepthSource
{
    /// <summary>Rows of the product.</summary>
    int Rows { get; }

    /// <summary>Length of the reduction.</summary>
    int Depth { get; }

    /// <summary>Fills target [length][tileRows] with rows [row, row + count) of depths [start, start + length); rows beyond count are not touched.</summary>
    void Gather(int row, int count, int tileRows, int start, int length, float* target);
}

/// <summary>C = A^T B with both operands stored by depth, as weight gradients need it.</summary>
/// <remarks>
/// Workers share the rows of C, so that every element is one chain of multiply-adds over the whole depth and the number of workers does not
/// change the bits. Each worker packs every block of B for itself.
/// </remarks>
internal static unsafe class DepthLoop
{
    private const int Block = 256;

    /// <summary>Floats of scratch memory for one worker.</summary>
    public static long ScratchSize(int columns) =>
        Block * ((((long)columns + TileLoop.PanelColumns - 1) / TileLoop.PanelColumns * TileLoop.PanelColumns) + TileLoop.MaxTileRows);

    /// <summary>One worker's share.</summary>
    [SkipLocalsInit]
    public static void Run<L, V, TSource>(
        ref TSource source, float* right, long stride, int columns, ref FloatSink sink, float* scratch, int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
        where TSource : unmanaged, IDepthSource
    {
        var width = 2 * L.Count;
        var tileRows = L.Count >= 16 ? 8 : 4;
        var panels = (columns + width - 1) / width;
        var (first, last) = WorkPool.Share((source.Rows + tileRows - 1) / tileRows, worker, workers);
        if (first == last)
            return;
        var packed = scratch + (worker * ScratchSize(columns));
        var gathered = packed + ((long)Block * panels * width);
        var numbers = stackalloc long[TileLoop.MaxTileRows];
        var aside = stackalloc float[((TileLoop.MaxTileRows * TileLoop.MaxStrip) + 1) * width];
        var b = new TileBlock { Numbers = numbers, Aside = aside, PanelEnd = panels, Columns = columns, Rows = tileRows, Tiles = 1 };
        var t = new TileArguments { Gathered = true, Inputs = &gathered, Taps = 1 };
        var start = 0;
        do
        {
            var length = Math.Min(Block, source.Depth - start);
            t.Depth = length;
            t.PanelStride = (nint)length * width;
            b.Load = start > 0 || sink.Accumulates;
            t.Panel = packed;
            (b.IsFirst, b.IsLast) = (start == 0, start + length >= source.Depth);
            for (var p = 0; p < panels; p++)
            {
                var valid = Math.Min(width, columns - (p * width));
                PanelPacking.Pack(right + (start * stride) + (p * width), stride, 1, length, valid, width, packed + (p * t.PanelStride));
            }
            for (var tile = first; tile < last; tile++)
            {
                var row = tile * tileRows;
                b.Count = Math.Min(tileRows, source.Rows - row);
                source.Gather(row, b.Count, tileRows, start, length, gathered);
                for (var i = 0; i < b.Count; i++)
                    numbers[i] = row + i;
                TileLoop.Panels<L, V, ManagedTiles<L, V>, FloatSink>(default, ref b, ref t, ref sink);
            }
            start += length;
        }
        while (start < source.Depth);
    }
}

/// <summary>A matrix stored [depth][rows].</summary>
internal readonly unsafe struct TransposedRows(float* source, long stride, int rows, int depth) : IDepthSource
{
    public int Rows => rows;

    public int Depth => depth;

    public void Gather(int row, int count, int tileRows, int start, int length, float* target)
    {
        var at = source + (start * stride) + row;
        for (var k = 0; k < length; k++)
        {
            Unsafe.CopyBlockUnaligned(target, at, (uint)(count * sizeof(float)));
            target += tileRows;
            at += stride;
        }
    }
}

/// <summary>Pixels under the taps of a forward convolution, rows ordered (tap, channel), depth over output pixels.</summary>
internal unsafe struct PixelColumns : IDepthSource
{
    public ImageRows Image;

    public readonly int Rows => Image.Depth;

    public readonly int Depth => Image.Rows;

    public readonly void Gather(int row, int count, int tileRows, int start, int length, float* target)
    {
        for (var done = 0; done < count;)
        {
            var (tap, channel) = Math.DivRem(row + done, Image.Channels);
            var run = Math.Min(count - done, Image.Channels - channel);
            Image.Channel(tap, channel, run, start, length, target + done, tileRows);
            done += run;
        }
    }
}

/// <summary>A product over the long dimension with its arguments.</summary>
internal unsafe struct DepthKernel<TSource> : IKernel
    where TSource : unmanaged, IDepthSource
{
    public TSource Source;
    public float* B;
    public long Stride;
    public int Columns;
    public FloatSink Sink;
    public float* Scratch;

    public void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged => DepthLoop.Run<L, V, TSource>(ref Source, B, Stride, Columns, ref Sink, Scratch, worker, workers);
}
