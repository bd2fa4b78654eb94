namespace Nabi.Runtime.Kernels;

/// <summary>How a matrix of signed 4-bit numbers with scales lies in memory for the kernels: column j stands for (q[k, j] - zero[b, j]) scale[b, j], where b is
/// the block of k.</summary>
/// <remarks>
/// Panels of <see cref="TileLoop.PanelColumns"/> columns, each a row of blocks: the columns' scales, their zero points if there are any, then words. A word
/// holds eight numbers of a column that follow each other in depth, lowest first. Every block starts a new word; what is left of its last word is zero.
/// </remarks>
internal readonly struct Int4Panels
{
    /// <summary>Numbers of a column in one word.</summary>
    public const int PerWord = 8;

    /// <summary>Columns of the matrix.</summary>
    public required int Columns { get; init; }

    /// <summary>Rows of the matrix.</summary>
    public required int Depth { get; init; }

    /// <summary>Numbers of a column that share a scale.</summary>
    public required int Block { get; init; }

    /// <summary>Whether there are zero points.</summary>
    public required bool HasZeros { get; init; }

    /// <summary>Panels.</summary>
    public int Count => (int)(((long)Columns + TileLoop.PanelColumns - 1) / TileLoop.PanelColumns);

    /// <summary>Four-byte elements of a panel.</summary>
    public long PanelSize
    {
        get
        {
            var full = Depth / Block;
            var words = ((long)full * Words(Block)) + Words(Depth - (full * Block));
            return (words + ((long)Blocks * (HasZeros ? 2 : 1))) * TileLoop.PanelColumns;
        }
    }

    /// <summary>Four-byte elements of all panels.</summary>
    public long Size => checked(Count * PanelSize);

    private int Blocks => (int)(((long)Depth + Block - 1) / Block);

    private static int Words(int numbers) => (int)(((long)numbers + PerWord - 1) / PerWord);

    /// <summary>Packs one panel.</summary>
    /// <param name="source">The stored numbers.</param>
    /// <param name="panel">Its index.</param>
    /// <param name="target">Receives <see cref="PanelSize"/> elements.</param>
    public unsafe void Pack(in Int4Matrix source, int panel, float* target)
    {
        var width = TileLoop.PanelColumns;
        var first = panel * width;
        var columns = Math.Min(width, Columns - first);
        new Span<float>(target, checked((int)PanelSize)).Clear();
        for (int start = 0, block = 0; start < Depth; start += Block, block++)
        {
            var length = Math.Min(Block, Depth - start);
            for (var j = 0; j < columns; j++)
            {
                var at = ((first + j) * source.ScaleColumnStride) + (block * source.ScaleBlockStride);
                target[j] = source.Scales[at];
                if (HasZeros)
                    target[width + j] = source.Zeros[at];
            }
            target += (HasZeros ? 2 : 1) * width;
            for (var j = 0; j < columns; j++)
            {
                var number = ((first + j) * source.ColumnStride) + (start * source.DepthStride);
                for (var k = 0; k < length; k++, number += source.DepthStride)
                    ((uint*)target)[(k / PerWord * width) + j] |= (uint)source.Number(number) << (k % PerWord * 4);
            }
            target += Words(length) * width;
        }
    }

    /// <summary>Unpacks one panel to what <see cref="Gemm.Pack"/> makes of the real matrix.</summary>
    /// <param name="panel">A packed panel.</param>
    /// <param name="table">What indices stand for, if the numbers are indices.</param>
    /// <param name="target">Receives [<see cref="Depth"/>][<see cref="TileLoop.PanelColumns"/>] floats.</param>
    public unsafe void Unpack<N, L, V>(float* panel, float* table, float* target)
        where N : unmanaged, INibbles
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var width = 2 * L.Count;
        for (var left = Depth; left > 0; left -= Block)
        {
            var (scale0, scale1) = (L.Load(panel), L.Load(panel + L.Count));
            panel += width;
            var (zero0, zero1) = (L.Fill(0), L.Fill(0));
            if (HasZeros)
            {
                (zero0, zero1) = (L.Load(panel), L.Load(panel + L.Count));
                panel += width;
            }
            for (var length = Math.Min(Block, left); length > 0; length -= PerWord)
            {
                var (word0, word1) = (L.Load(panel), L.Load(panel + L.Count));
                panel += width;
                var numbers = Math.Min(PerWord, length);
                for (var i = 0; i < numbers; i++)
                {
                    L.Store(L.Multiply(L.Subtract(N.Number<L, V>(word0, i, table), zero0), scale0), target);
                    L.Store(L.Multiply(L.Subtract(N.Number<L, V>(word1, i, table), zero1), scale1), target + L.Count);
                    target += width;
                }
            }
        }
    }
}

/// <summary>A stored matrix of signed 4-bit numbers, two to a byte, low half first, with its scales.</summary>
internal readonly unsafe struct Int4Matrix
{
    /// <summary>Does a number take a byte, of which four bits count, rather than half a byte?</summary>
    public bool IsInBytes { get; init; }

    /// <summary>Number (k, j) is number <c>k * DepthStride + j * ColumnStride</c> of these.</summary>
    public required byte* Numbers { get; init; }

    /// <summary>Numbers from one k to the next.</summary>
    public required long DepthStride { get; init; }

    /// <summary>Numbers from one column to the next.</summary>
    public required long ColumnStride { get; init; }

    /// <summary>The scale of block b of column j is at <c>b * ScaleBlockStride + j * ScaleColumnStride</c>.</summary>
    public required float* Scales { get; init; }

    /// <summary>Zero points in the scales' order, or null.</summary>
    public required float* Zeros { get; init; }

    /// <summary>Scales from one block to the next.</summary>
    public required long ScaleBlockStride { get; init; }

    /// <summary>Scales from one column to the next; 0 if all columns share them.</summary>
    public required long ScaleColumnStride { get; init; }

    /// <summary>The four bits of a number.</summary>
    public int Number(long index) => (IsInBytes ? Numbers[index] : Numbers[index >> 1] >> (int)((index & 1) * 4)) & 15;
}
