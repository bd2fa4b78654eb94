using System.Numerics;
using System.Runtime.InteropServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The windows of a convolution of bits by the taps with which they see the image, and the words that are read of each.</summary>
/// <remarks>Padding is zeros, whose differences to the weights are known. Windows at a border, where enough of them lie in a row or column, leave most of it out
/// (<see cref="BitWalk"/>); all others count it too.</remarks>
internal sealed unsafe class BitWindows
{
    /// <summary>From so many on, windows that see fewer taps are read on their own: tiles of less take as long for each window as what is left out.</summary>
    private const int Fewest = 4;

    private readonly TapRun[] rows;
    private readonly TapRun[] columns;
    private readonly int kernelHeight;
    private readonly int kernelWidth;
    private readonly int tapWords;
    private readonly int windowWords;
    private readonly bool[][] kept;       // for each pattern the pairs of words that are read
    private readonly List<nint[]> pinned = [];
    private readonly BitWalk[] walks = [];

    /// <summary>Divides windows.</summary>
    /// <param name="window">Geometry.</param>
    /// <param name="tapWords">Words of a tap.</param>
    /// <param name="windowWords">Words of a window.</param>
    /// <param name="leavesOut">Whether windows at borders leave padding out.</param>
    public BitWindows(in WindowShape window, int tapWords, int windowWords, bool leavesOut)
    {
        (this.tapWords, this.windowWords, kernelHeight, kernelWidth) = (tapWords, windowWords, window.KernelHeight, window.KernelWidth);
        var indirection = Indirection.Forward(window);
        (rows, columns) = (TapRun.Of(indirection.Vertical[0]), TapRun.Of(indirection.Horizontal[0]));
        kept = new bool[Patterns][];
        if (!leavesOut)
        {
            var all = new bool[(windowWords + 1) / 2];
            Array.Fill(all, true);
            Array.Fill(kept, all);
            return;
        }
        var found = new List<BitWalk>();
        for (var r = 0; r < rows.Length; r++)
        {
            foreach (var (first, end) in Divide(window.Batch * (long)rows[r].Count)) found.Add(Walk(r, first, end));
        }
        walks = GC.AllocateArray<BitWalk>(found.Count, pinned: true);
        found.CopyTo(walks);
    }

    /// <summary>Different sets of taps that see the image, at least 1.</summary>
    public int Patterns => rows.Length * columns.Length;

    /// <summary>The rectangles of windows, pinned while this object lives.</summary>
    public ReadOnlySpan<BitWalk> Walks => walks;

    /// <summary>Pinned: window of an image -> pattern.</summary>
    public int[] PatternOfWindow()
    {
        var width = columns.Sum(c => c.Count);
        var patterns = GC.AllocateArray<int>(Math.Max(1, rows.Sum(r => r.Count) * width), pinned: true);
        for (var p = 0; p < Patterns; p++)
        {
            var (row, column) = (rows[p / columns.Length], columns[p % columns.Length]);
            for (var y = row.First; y < row.First + row.Count; y++) patterns.AsSpan((y * width) + column.First, column.Count).Fill(p);
        }
        return patterns;
    }

    /// <summary>Whether the windows of a pattern see the image with a tap.</summary>
    public bool Sees(int pattern, int tap) => rows[pattern / columns.Length].Sees[tap / kernelWidth] && columns[pattern % columns.Length].Sees[tap % kernelWidth];

    /// <summary>What windows of a pattern count of padding: the same whatever the image, for one column of weights.</summary>
    /// <param name="pattern">Number of the pattern.</param>
    /// <param name="parities">Running parities of the column's words, from the zeros they start with.</param>
    public int CountPadding(int pattern, ReadOnlySpan<uint> parities)
    {
        var pairs = kept[pattern];
        var at = 2 * Array.IndexOf(pairs, true);
        var count = BitOperations.PopCount(parities[at]);
        for (var word = at; word < windowWords; word++)
        {
            if (!pairs[word / 2]) continue;
            var tap = word / tapWords;
            if (tap >= kernelHeight * kernelWidth || !Sees(pattern, tap)) count += BitOperations.PopCount(parities[word + 1] ^ parities[at]);
            at = word + 1;
        }
        return count;
    }

    // Neighbouring columns of windows: those that are too few join the larger neighbour.
    private List<(int First, int End)> Divide(long windowsOfColumn)
    {
        var parts = Enumerable.Range(0, columns.Length).Select(c => (First: c, End: c + 1)).ToList();
        long Count(int part) => part < 0 || part >= parts.Count ? -1 : windowsOfColumn * columns[parts[part].First..parts[part].End].Sum(c => (long)c.Count);
        for (var i = 0; i < parts.Count;)
        {
            if (parts.Count == 1 || Count(i) >= Fewest)
            {
                i++;
                continue;
            }
            var left = Count(i - 1) >= Count(i + 1) ? i - 1 : i;
            parts[left] = (parts[left].First, parts[left + 1].End);
            parts.RemoveAt(left + 1);
            i = left;
        }
        return parts;
    }

    private BitWalk Walk(int row, int firstColumn, int endColumn)
    {
        var part = columns[firstColumn..endColumn];
        var pairs = Kept(tap => rows[row].Sees[tap / kernelWidth] && part.Any(c => c.Sees[tap % kernelWidth]));
        for (var c = firstColumn; c < endColumn; c++) kept[(row * columns.Length) + c] = pairs;
        var stretches = new List<nint>();
        for (var i = 0; i < pairs.Length; i++)
        {
            if (!pairs[i]) continue;
            if (i == 0 || !pairs[i - 1]) stretches.Add(i * 2 * sizeof(uint));
            if (i + 1 == pairs.Length || !pairs[i + 1]) stretches.Add((i + 1) * 2 * sizeof(uint));
        }
        var offsets = GC.AllocateArray<nint>(stretches.Count, pinned: true);
        stretches.CopyTo(offsets);
        pinned.Add(offsets);
        var (first, last) = (Array.IndexOf(rows[row].Sees, true), Array.LastIndexOf(rows[row].Sees, true));
        // Rows of the window are left out where pairs of words do not go from one into the next.
        var some = first >= 0 && part.Any(c => c.Sees.Contains(true)) && kernelWidth * tapWords % 2 == 0;
        return new BitWalk
        {
            Y = rows[row].First, Height = rows[row].Count, X = part[0].First, Width = part.Sum(c => c.Count),
            FirstTapRow = some ? first : 0, EndTapRow = some ? last + 1 : kernelHeight,
            Stretches = (nint*)Marshal.UnsafeAddrOfPinnedArrayElement(offsets, 0), StretchCount = offsets.Length / 2,
        };
    }

    // Pairs of words some of which are seen; after a gap also the pair before: counting goes on from the parity behind it.
    private bool[] Kept(Func<int, bool> sees)
    {
        var pairs = new bool[(windowWords + 1) / 2];
        for (var word = 0; word < kernelHeight * kernelWidth * tapWords; word++) pairs[word / 2] |= sees(word / tapWords);
        if (!pairs.Contains(true)) Array.Fill(pairs, true);
        for (var i = Array.IndexOf(pairs, true) + 1; i < pairs.Length; i++)
        {
            if (pairs[i]) pairs[i - 1] = true;
        }
        return pairs;
    }
}

/// <summary>A rectangle of windows of every image of which the same words are read.</summary>
internal readonly unsafe struct BitWalk
{
    /// <summary>First line of windows.</summary>
    public int Y { get; init; }

    /// <summary>First window of a line.</summary>
    public int X { get; init; }

    /// <summary>Lines.</summary>
    public int Height { get; init; }

    /// <summary>Windows of a line.</summary>
    public int Width { get; init; }

    /// <summary>First row of taps that is read.</summary>
    public int FirstTapRow { get; init; }

    /// <summary>Behind the last row of taps that is read.</summary>
    public int EndTapRow { get; init; }

    /// <summary>Offsets in bytes of stretches of words, first and behind the last, multiples of 8.</summary>
    public nint* Stretches { get; init; }

    /// <summary>Stretches, at least 1.</summary>
    public int StretchCount { get; init; }
}

/// <summary>Outputs of an axis that follow each other and whose windows see the image with the same taps.</summary>
/// <param name="Sees">For each tap whether it sees the image, else padding.</param>
/// <param name="First">The first output.</param>
/// <param name="Count">Outputs.</param>
internal sealed record TapRun(bool[] Sees, int First, int Count)
{
    /// <summary>The runs of an axis, at least one.</summary>
    public static TapRun[] Of(AxisPhase axis)
    {
        var taps = axis.Taps.Length;
        var runs = new List<TapRun>();
        for (var i = 0; i < axis.Count; i++)
        {
            var sees = Array.ConvertAll(axis.Offsets[(i * taps)..((i + 1) * taps)], at => at >= 0);
            if (runs.Count > 0 && runs[^1].Sees.AsSpan().SequenceEqual(sees)) runs[^1] = runs[^1] with { Count = runs[^1].Count + 1 };
            else runs.Add(new TapRun(sees, i, 1));
        }
        return runs.Count == 0 ? [new TapRun(new bool[taps], 0, 0)] : [.. runs];
    }
}
