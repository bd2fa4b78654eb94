namespace Nabi.Runtime.Kernels;

/// <summary>Where a constant matrix [depth, columns] is not zero: known when a plan is made, while its numbers may still be scaled.</summary>
internal sealed unsafe class SparsePattern
{
    private readonly int[] rows;

    private SparsePattern(int columns, int depth, int[] starts, int[] rows) => (Columns, Depth, Starts, this.rows) = (columns, depth, starts, rows);

    /// <summary>Columns: channels of the result.</summary>
    public int Columns { get; }

    /// <summary>Rows: length of the reduction.</summary>
    public int Depth { get; }

    /// <summary>Numbers that are not zero.</summary>
    public int Count => rows.Length;

    /// <summary>Share of numbers that are not zero, 0 to 1.</summary>
    public double Density => (double)Count / ((long)Columns * Depth);

    /// <summary>Looks through a matrix.</summary>
    /// <param name="weights">The matrix.</param>
    /// <param name="columns">Its columns, at least 1.</param>
    /// <param name="depth">Its rows, at least 1.</param>
    /// <param name="columnStride">Numbers from one column to the next.</param>
    /// <param name="depthStride">Numbers from one row to the next.</param>
    public static SparsePattern Of(ReadOnlySpan<float> weights, int columns, int depth, int columnStride, int depthStride)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        var starts = new int[columns + 1];
        var found = new List<int>();
        for (var column = 0; column < columns; column++)
        {
            for (var row = 0; row < depth; row++)
                if (weights[(column * columnStride) + (row * depthStride)] != 0) found.Add(row);
            starts[column + 1] = found.Count;
        }
        return new SparsePattern(columns, depth, starts, [.. found]);
    }

    /// <summary>Rows of a column that are not zero, ascending.</summary>
    public ReadOnlySpan<int> RowsOf(int column) => rows.AsSpan(Starts[column], Starts[column + 1] - Starts[column]);

    /// <summary>The place of each column's first number among all that are not zero, and their count.</summary>
    public int[] Starts { get; }

    /// <summary>The row of a number by its place.</summary>
    public int RowAt(int place) => rows[place];
}
