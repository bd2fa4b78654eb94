using System.Runtime.CompilerServices;
using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>Rows of bytes times packed panels in emitted code that requantizes in registers; doubtful tiles are rounded again by <see cref="RequantizeTile"/>.</summary>
/// <remarks>
/// <para>Loop order, outermost first: blocks of panels that stay in the second-level cache, strips of tiles, panels. Inputs and outputs of a strip stay in the
/// first-level cache, but where a panel fills that cache anyway, strips are as long as they can be.</para>
/// <para>From one run of a network to the next no filters stay in the second-level cache. So the strip that is multiplied by a panel first asks for the
/// panel that follows, a little with every step.</para>
/// </remarks>
internal unsafe struct StripKernel : IKernel
{
    private const int Width = 32, TileRows = TileLoop.MaxTileRows;

    /// <summary>Bytes of input of a strip, and its most row pointers and tiles.</summary>
    private const int StripBytes = 16 * 1024, StripPointers = 512, StripTiles = 16;

    /// <summary>Bytes of a panel that leaves no room for inputs in the first-level cache.</summary>
    private const int LargePanel = 32 * 1024;

    /// <summary>Bytes of a cache line.</summary>
    private const int Line = 64;

    /// <summary>Bytes of the panels of a block.</summary>
    private const int BlockBytes = 512 * 1024;

    /// <summary>Four-byte elements that are read past the last column's bias and multiplier, at most.</summary>
    public const int Overrun = Width - 1;

    /// <summary>The kernels.</summary>
    public ByteTiles.Pointers Tiles;

    /// <summary>Rows.</summary>
    public WindowRows Source;

    /// <summary>Panels.</summary>
    public float* Packed;

    /// <summary>Columns.</summary>
    public int Columns;

    /// <summary>Where the bytes go and how they are rounded; its bias is not null.</summary>
    public QuantizedSink Sink;

    /// <summary>Whether the input is read as int8.</summary>
    public bool IsInputSigned;

    private readonly int PanelBytes => Source.Depth * Width * sizeof(float);

    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (tiles, panels) = ((Source.Rows + TileRows - 1) / TileRows, (Columns + Width - 1) / Width);
        var (rows, columns) = (WorkPool.Share(tiles, worker, workers), (Start: 0, End: panels));
        if (!TileLoop.SplitsRows(tiles, panels, workers))
            (rows, columns) = ((0, tiles), WorkPool.Share(panels, worker, workers));
        var panelsPerBlock = Math.Max(1, BlockBytes / PanelBytes);
        for (var block = columns.Start; block < columns.End; block += panelsPerBlock)
            Block(rows, (block, Math.Min(columns.End, block + panelsPerBlock)), columns.End);
    }

    [SkipLocalsInit]
    private readonly void Block((int Start, int End) tiles, (int Start, int End) panels, int allPanels)
    {
        var pointers = Source.MaxTaps * TileRows;
        var perStrip = Math.Min(StripTiles, StripPointers / pointers);
        if (PanelBytes < LargePanel)
            perStrip = Math.Min(perStrip, StripBytes / (TileRows * sizeof(float) * Source.Depth));
        perStrip = Math.Max(1, perStrip);
        var inputs = stackalloc float*[pointers * perStrip];
        var numbers = stackalloc long[TileRows];
        var whole = Math.Min(tiles.End, Source.Rows / TileRows);
        var t = new StripArguments { Inputs = inputs, InputFlip = StoredFloat.FlipOf(IsInputSigned) };
        t.SetOutput(Sink.Range, Sink.IsSigned);
        for (var tile = tiles.Start; tile < whole; tile += perStrip)
        {
            var count = Math.Min(perStrip, whole - tile);
            for (var i = 0; i < count; i++)
                Source.Inputs((tile + i) * TileRows, TileRows, TileRows, 0, Source.Depth, inputs + ((long)i * pointers), numbers, out t.Taps, out _);
            var asked = (Start: tile == tiles.Start ? panels.Start + 1 : panels.End, End: tile + count == whole ? allPanels : panels.End);
            Panels(ref t, tile * TileRows, count, TileRows, TileRows, panels, asked);
        }
        if (whole == tiles.End)
            return;
        var (row, rest) = (whole * TileRows, Source.Rows - (whole * TileRows));
        var tileRows = rest == 1 ? 1 : rest <= 4 ? 4 : TileRows;
        Source.Inputs(row, rest, tileRows, 0, Source.Depth, inputs, numbers, out t.Taps, out _);
        Panels(ref t, row, 1, rest, tileRows, panels, default);
    }

    /// <summary>Tiles from a row on, the last <paramref name="rows"/> of <paramref name="tileRows"/> rows of which are stored, times panels. Meanwhile
    /// each panel's successor is asked for if it is one of <paramref name="asked"/>.</summary>
    private readonly void Panels(ref StripArguments arguments, int row, int tiles, int rows, int tileRows, (int Start, int End) panels, (int Start, int End) asked)
    {
        var sums = stackalloc int[TileRows * Width];
        var rest = stackalloc byte[TileRows * Width];
        var t = arguments;
        t.Depth = Source.TapDepth;
        t.Sums = sums;
        for (var panel = panels.Start; panel < panels.End; panel++)
        {
            var column = panel * Width;
            var valid = Math.Min(Width, Columns - column);
            var target = Sink.Output + (row * Sink.Stride) + column;
            t.Inputs = arguments.Inputs;
            t.Panel = Packed + ((nint)panel * Source.Depth * Width);
            t.Next = (byte*)t.Panel + PanelBytes;
            t.NextStep = panel + 1 >= asked.Start && panel + 1 < asked.End ? Math.Min(Line, ((Width * sizeof(float)) + tiles - 1) / tiles) : 0;
            t.Bias = Sink.BiasValues + column;
            t.Multipliers = Sink.Multipliers + column;
            t.Columns = (1UL << valid) - 1;
            t.Tiles = tiles;
            t.Output = rows == tileRows ? target : rest;
            t.Stride = rows == tileRows ? (nint)Sink.Stride : Width;
            while (t.Tiles > 0)
            {
                Tiles.Run(&t, tileRows, isNarrow: tileRows == TileRows && valid <= Width / 2);
                if (t.Tiles == 0)
                    break;
                Sink.Round(sums, Width, t.Output, t.Stride, column, valid, tileRows);
                t.Output += tileRows * t.Stride;
                t.Inputs = arguments.Inputs + ((tiles - --t.Tiles) * (long)t.Taps * tileRows);
            }
            for (var i = 0; i < rows && rows < tileRows; i++)
                Unsafe.CopyBlockUnaligned(target + (i * Sink.Stride), rest + (i * Width), (uint)valid);
        }
    }
}
