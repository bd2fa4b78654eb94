using System.Runtime.CompilerServices;

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
        const int stretch = 16;   // one cache line of every source row at a time
        for (var start = 0; start < depth; start += stretch)
        {
            var end = Math.Min(depth, start + stretch);
            for (var j = 0; j < columns; j++)
            {
                for (var k = start; k < end; k++)
                    target[((long)k * width) + j] = source[(k * depthStride) + (j * columnStride)];
            }
        }
    }
}
