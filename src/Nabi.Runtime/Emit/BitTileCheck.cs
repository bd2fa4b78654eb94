using System.Numerics;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Compares emitted kernels that count bits with plain loops before anything relies on them.</summary>
internal static unsafe class BitTileCheck
{
    private const int Width = 32;

    /// <summary>Window stretches, their words.</summary>
    private static readonly (int Taps, int Words)[] Sizes = [(1, 2), (1, 4), (3, 2), (2, 10), (9, 8)];

    /// <summary>Whether a kernel counts random words, and words that are all ones against all zeros, rightly.</summary>
    public static bool IsRight(BitTiles.Pointers kernels, BitTileForm form)
    {
        foreach (var (taps, words) in Sizes)
        {
            if (!IsRight(kernels, form, taps, words, extreme: false) || !IsRight(kernels, form, taps, words, extreme: true)) return false;
        }
        return true;
    }

    private static bool IsRight(BitTiles.Pointers kernels, BitTileForm form, int taps, int words, bool extreme)
    {
        var rng = new Rng(17);
        var rows = new ulong[form.Rows * taps * words / 2];
        var columns = new ulong[taps * words / 2 * Width];
        var counts = new float[form.Rows * Width];
        for (var i = 0; i < rows.Length; i++) rows[i] = extreme ? ulong.MaxValue : rng.NextUInt64();
        for (var i = 0; i < columns.Length; i++) columns[i] = extreme ? 0 : rng.NextUInt64();
        // As they are stored: second words as differences, and the words of a column apart.
        var stored = Array.ConvertAll(rows, r => r ^ (r << 32));
        var panel = new uint[columns.Length * 2];
        for (var i = 0; i < columns.Length; i++)
        {
            var at = (i / Width * 2 * Width) + (i % Width);
            (panel[at], panel[at + Width]) = ((uint)columns[i], (uint)(columns[i] >> 32) ^ (uint)columns[i]);
        }
        fixed (ulong* x = stored)
        fixed (uint* w = panel)
        fixed (float* y = counts)
        {
            var inputs = stackalloc float*[taps * form.Rows];
            var outputs = stackalloc float*[TileLoop.MaxTileRows];
            var starts = stackalloc float*[TileLoop.MaxTileRows];
            for (var i = 0; i < taps * form.Rows; i++) inputs[i] = (float*)(x + (i * words / 2));
            var t = BitArguments.Unlimited with { Inputs = inputs, Taps = taps, Depth = words, Panel = (float*)w, Outputs = outputs, Starts = starts };
            BitLoop.Count(kernels, ref t, form.Rows, form.Columns == 1, y);
        }
        for (var i = 0; i < form.Rows; i++)
        {
            for (var j = 0; j < Width / 2 * form.Columns; j++)
            {
                var count = 0;
                for (var k = 0; k < taps * words / 2; k++)
                {
                    var (tap, pair) = Math.DivRem(k, words / 2);
                    count += BitOperations.PopCount(rows[(((tap * form.Rows) + i) * words / 2) + pair] ^ columns[(k * Width) + j]);
                }
                if (counts[(i * Width) + j] != count) return false;
            }
        }
        return true;
    }
}
