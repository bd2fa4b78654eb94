using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>Copies part of a matrix into a panel [depth][width], filling missing columns with zeros.</summary>
internal static unsafe class PanelPacking
{
    /// <summary>Packs one panel.</summary>
    /// <param name="source">Element (k, j) at <c>source[k * depthStride + j * columnStride]</c>.</param>
    /// <param name="depthStride">Floats from one k to the next.</param>
    /// <param name="columnStride">Floats from one column to the next.</param>
    /// <param name="depth">Rows.</param>
    /// <param name="columns">Valid columns, 1 to <paramref name="width"/>.</param>
    /// <param name="width">Columns of the panel.</param>
    /// <param name="target">Receives depth * width floats.</param>
    public static void Pack(float* source, long depthStride, long columnStride, int depth, int columns, int width, float* target)
    {
        if (columns < width)
            new Span<float>(target, checked(depth * width)).Clear();
        if (columnStride == 1)
        {
            for (var k = 0; k < depth; k++)
                Unsafe.CopyBlockUnaligned(target + ((long)k * width), source + (k * depthStride), (uint)(columns * sizeof(float)));
            return;
        }
        PackColumns(source, depthStride, columnStride, depth, columns, width, target);
    }

    private static void PackColumns(float* source, long depthStride, long columnStride, int depth, int columns, int width, float* target)
    {
        const int stretch = 16;   // one cache line of every source row at a time
        for (var start = 0; start < depth; start += stretch)
        {
            var end = Math.Min(depth, start + stretch);
            var j = 0;
            if (Sse.IsSupported && depthStride == 1 && end == start + stretch)
            {
                for (; j <= columns - 4; j += 4)
                {
                    for (var k = start; k < end; k += 4)
                        Transpose(source + k + (j * columnStride), columnStride, target + ((long)k * width) + j, width);
                }
            }
            for (; j < columns; j++)
            {
                for (var k = start; k < end; k++)
                    target[((long)k * width) + j] = source[(k * depthStride) + (j * columnStride)];
            }
        }
    }

    /// <summary>Four by four elements: rows a b c d become columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(float* source, long sourceStride, float* target, int targetStride)
    {
        var (a, b) = (Vector128.Load(source), Vector128.Load(source + sourceStride));
        var (c, d) = (Vector128.Load(source + (2 * sourceStride)), Vector128.Load(source + (3 * sourceStride)));
        var (ab, cd) = (Sse.UnpackLow(a, b), Sse.UnpackLow(c, d));       // a0 b0 a1 b1
        Sse.MoveLowToHigh(ab, cd).Store(target);
        Sse.MoveHighToLow(cd, ab).Store(target + targetStride);
        (ab, cd) = (Sse.UnpackHigh(a, b), Sse.UnpackHigh(c, d));         // a2 b2 a3 b3
        Sse.MoveLowToHigh(ab, cd).Store(target + (2 * targetStride));
        Sse.MoveHighToLow(cd, ab).Store(target + (3 * targetStride));
    }
}
