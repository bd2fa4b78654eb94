using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>A block of tiles after the other: transform, multiply and transform back, one panel of output channels at a time.</summary>
/// <remarks>
/// A panel's filters of one product stay in the first-level cache while all tiles of the block are multiplied with them; the transformed tiles and the
/// panel's results stay in the second. Filters are read once per block, in order, and the next product's are asked for while the first tiles of a block
/// are multiplied: filters of a large network come from memory in every run, and the processor's own prefetching ends with each page.
/// </remarks>
internal unsafe struct WinogradKernel<TTile> : IKernel
    where TTile : unmanaged, IWinogradTile
{
    public WinogradGrid Grid;
    public WinogradInput<TTile> Input;
    public WinogradOutput<TTile> Output;

    /// <summary>[panels][products][channels][2 * lanes].</summary>
    public float* Packed;

    /// <summary><see cref="WinogradGrid.WorkerScratch"/> floats per worker.</summary>
    public float* Scratch;

    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (firstGroup, lastGroup) = (0, Grid.Groups);
        var (firstPanel, lastPanel) = (0, Grid.Panels);
        if (Grid.SplitsTiles(workers))
            (firstGroup, lastGroup) = WorkPool.Share(Grid.Groups, worker, workers);
        else
            (firstPanel, lastPanel) = WorkPool.Share(Grid.Panels, worker, workers);
        var transformed = Scratch + (worker * Grid.WorkerScratch);
        var results = transformed + (Grid.Products * Grid.InputPlane);
        var last = Math.Min(Grid.Tiles, lastGroup * WinogradGrid.TileRows);
        for (var tile = firstGroup * WinogradGrid.TileRows; tile < last; tile += Grid.BlockRows)
        {
            var count = Math.Min(Grid.BlockRows, last - tile);
            Input.Transform<L, V>(tile, count, transformed);
            for (var panel = firstPanel; panel < lastPanel; panel++)
            {
                Multiply<L, V>(panel, count, transformed, results);
                Output.Transform<L, V>(tile, count, panel, results);
            }
        }
    }

    /// <summary>The products of <paramref name="count"/> tiles with one panel.</summary>
    [SkipLocalsInit]
    private readonly void Multiply<L, V>(int panel, int count, float* transformed, float* results)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var width = 2 * L.Count;
        var tileRows = WinogradGrid.TileRows;
        var inputs = stackalloc float*[TileLoop.MaxTileRows];
        var outputs = stackalloc float*[TileLoop.MaxTileRows];
        var t = new TileArguments { Inputs = inputs, Outputs = outputs, Taps = 1, Depth = Grid.ReadChannels, Panel = Packed + (panel * Grid.PanelSize) };
        (t.InputStep, t.OutputStep) = (tileRows * Grid.InputStride, tileRows * width);
        var narrow = Grid.WriteChannels - (panel * width) <= L.Count;
        var whole = count / tileRows;
        var asking = tileRows == TileLoop.MaxTileRows && !narrow ? Math.Min(whole, AskingTiles) : 0;
        for (var product = 0; product < Grid.Products; product++)
        {
            var input = transformed + (product * Grid.InputPlane);
            var output = results + (product * Grid.OutputPlane);
            var next = t.Panel + (t.Depth * width);
            if (asking > 0)
            {
                Point(&t, input, output, 0, tileRows, tileRows);
                t.Tiles = asking;
                TileKernels.Rows8x2<L, V>(&t, next);
            }
            if (whole > asking)
            {
                Point(&t, input, output, asking * tileRows, tileRows, tileRows);
                t.Tiles = whole - asking;
                TileKernels.Run<L, V>(&t, tileRows, narrow && tileRows == TileLoop.MaxTileRows, pair: false);
            }
            var rows = count - (whole * tileRows);
            if (rows > 0)
            {
                var kernelRows = rows == 1 ? 1 : rows <= 4 ? 4 : TileLoop.MaxTileRows;
                Point(&t, input, output, whole * tileRows, rows, kernelRows);
                t.Tiles = 1;
                TileKernels.Run<L, V>(&t, kernelRows, narrow && kernelRows == TileLoop.MaxTileRows, pair: false);
            }
            t.Panel = next;
        }
    }

    /// <summary>Points at the rows of a micro-kernel. Those beyond the last tile repeat it; nobody reads their results.</summary>
    private readonly void Point(TileArguments* t, float* input, float* output, int row, int rows, int kernelRows)
    {
        for (var i = 0; i < kernelRows; i++)
        {
            t->Inputs[i] = input + ((row + Math.Min(i, rows - 1)) * (nint)Grid.InputStride);
            t->Outputs[i] = output + ((row + i) * WinogradGrid.PanelColumns);
        }
    }

    /// <summary>Groups of tiles during whose products the next product's filters are asked for, a line with every step: two lines of filters to a step.</summary>
    private const int AskingTiles = 2;
}

/// <summary>Transforms filters into [panels][products][channels][2 * lanes], output channels in the lanes, zeros where a panel has more than there are.</summary>
internal unsafe struct WinogradPacking<TTile> : IKernel
    where TTile : unmanaged, IWinogradTile
{
    private const int Taps = 9;

    public WinogradGrid Grid;
    public float* Weights;
    public float* Packed;

    /// <summary>Floats from the filter of one channel read to that of the next.</summary>
    public long ReadStride;

    /// <summary>Floats from the filter of one channel written to that of the next.</summary>
    public long WriteStride;

    /// <summary>Whether filters are turned by half a turn: the transposed direction.</summary>
    public bool IsFlipped;

    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var width = 2 * L.Count;
        var (first, last) = WorkPool.Share(Grid.Panels, worker, workers);
        var filters = stackalloc float[Taps * width];
        for (var panel = first; panel < last; panel++)
        {
            for (var channel = 0; channel < Grid.ReadChannels; channel++)
            {
                var columns = Math.Min(width, Grid.WriteChannels - (panel * width));
                var source = Weights + (panel * width * WriteStride) + (channel * ReadStride);
                for (var column = 0; column < columns; column++, source += WriteStride)
                {
                    for (var tap = 0; tap < Taps; tap++)
                        filters[(tap * width) + column] = source[IsFlipped ? Taps - 1 - tap : tap];
                }
                for (var column = columns; column < width; column++)
                {
                    for (var tap = 0; tap < Taps; tap++)
                        filters[(tap * width) + column] = 0f;
                }
                var target = Packed + (panel * Grid.PanelSize) + ((long)channel * width);
                Transform<L, V>(filters, target);
                Transform<L, V>(filters + L.Count, target + L.Count);
            }
        }
    }

    private readonly void Transform<L, V>(float* filters, float* target)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var points = TTile.Points;
        nint width = 2 * L.Count;
        var product = Grid.ReadChannels * width;
        var rows = stackalloc float[3 * points * L.Count];
        for (var y = 0; y < 3; y++)
            TTile.Filter<L, V>(filters + (3 * y * width), width, rows + (y * points * L.Count), L.Count);
        for (var x = 0; x < points; x++)
            TTile.Filter<L, V>(rows + (x * L.Count), points * L.Count, target + (x * product), points * product);
    }
}
