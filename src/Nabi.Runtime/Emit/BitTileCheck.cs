using System.Numerics;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Compares emitted kernels that count bits with plain loops before anything relies on them.</summary>
internal static unsafe class BitTileCheck
{
    private const int Width = BitLoop.Width;

    /// <summary>Words of a row, those that are read: first and behind the last of stretches.</summary>
    private static readonly (int Words, int[] Stretches)[] Cases = [(2, [0, 2]), (10, [0, 10]), (24, [8, 24]), (24, [0, 6, 10, 12, 20, 24]), (72, [0, 72])];

    /// <summary>Whether a kernel counts random words, and words that differ in every bit, rightly.</summary>
    public static bool IsRight(BitTiles.Pointers kernels, int rows)
    {
        foreach (var (words, stretches) in Cases)
        {
            if (!IsRight(kernels, rows, words, stretches, extreme: false) || !IsRight(kernels, rows, words, stretches, extreme: true)) return false;
        }
        return true;
    }

    private static bool IsRight(BitTiles.Pointers kernels, int rows, int words, int[] stretches, bool extreme)
    {
        var rng = new Rng(17);
        var inputs = new uint[rows * words];
        var panel = new uint[(words + 1) * Width];
        var counts = new float[rows * Width];
        // Extreme: every parity is another than the one before.
        for (var i = 0; i < inputs.Length; i++) inputs[i] = extreme ? (i % words % 2 == 0 ? uint.MaxValue : 0) : (uint)rng.NextUInt64();
        for (var i = 0; i < panel.Length; i++) panel[i] = extreme ? 0 : (uint)rng.NextUInt64();
        var bytes = Array.ConvertAll(stretches, s => (nint)s * sizeof(uint));
        fixed (uint* x = inputs, w = panel)
        fixed (float* y = counts)
        fixed (nint* read = bytes)
        {
            var pointers = stackalloc uint*[rows];
            var outputs = stackalloc float*[rows];
            var starts = stackalloc float*[rows];
            for (var i = 0; i < rows; i++) pointers[i] = x + (i * words);
            var t = new BitArguments
            {
                Inputs = pointers, Stretches = read, StretchCount = stretches.Length / 2, First = (nint)stretches[0] * Width * sizeof(uint), Panel = (float*)w, Outputs = outputs, Starts = starts,
            };
            BitLoop.Count(kernels, ref t, rows, y);
        }
        for (var i = 0; i < counts.Length; i++)
        {
            if (counts[i] != Expected(inputs.AsSpan(i / Width * words, words), panel.AsSpan(i % Width), stretches)) return false;
        }
        return true;
    }

    private static int Expected(ReadOnlySpan<uint> row, ReadOnlySpan<uint> column, int[] stretches)
    {
        var before = column[stretches[0] * Width];
        var count = BitOperations.PopCount(before);
        for (var s = 0; s < stretches.Length; s += 2)
        {
            for (var i = stretches[s]; i < stretches[s + 1]; i++)
            {
                var parity = row[i] ^ column[(i + 1) * Width];
                count += BitOperations.PopCount(parity ^ before);
                before = parity;
            }
        }
        return count;
    }
}
