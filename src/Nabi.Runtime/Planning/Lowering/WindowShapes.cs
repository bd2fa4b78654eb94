using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>From a graph's window over any number of spatial axes to the kernels' two.</summary>
internal static class WindowShapes
{
    /// <summary>Most taps of one window that the kernels take.</summary>
    public const int MaxTaps = TileLoop.MaxTaps;

    /// <summary>The window of one or two spatial axes, one counting as width; null for more, or if the kernels round its size otherwise.</summary>
    /// <param name="data">The shape the window slides over.</param>
    /// <param name="window">The window.</param>
    /// <param name="isPaddingFree">May there be more padding at the end, so that sizes rounded up come out too? True when padding has no weight.</param>
    public static WindowShape? TryOf(Shape data, ResolvedWindow window, bool isPaddingFree = false)
    {
        if (window.Rank is < 1 or > 2 || data.Count == 0) return null;
        var w = window.Rank - 1;
        var h = w - 1;
        var shape = new WindowShape
        {
            Batch = data[0],
            Height = h < 0 ? 1 : window.Input[h],
            Width = window.Input[w],
            KernelHeight = h < 0 ? 1 : window.Kernel[h],
            KernelWidth = window.Kernel[w],
            StrideHeight = h < 0 ? 1 : window.Strides[h],
            StrideWidth = window.Strides[w],
            DilationHeight = h < 0 ? 1 : window.Dilations[h],
            DilationWidth = window.Dilations[w],
            PadTop = h < 0 ? 0 : window.PadBegin[h],
            PadLeft = window.PadBegin[w],
            PadBottom = h < 0 ? 0 : PadEnd(window, h, isPaddingFree),
            PadRight = PadEnd(window, w, isPaddingFree),
        };
        var rows = h < 0 ? 1 : window.Output[h];
        return shape.OutHeight == rows && shape.OutWidth == window.Output[w] ? shape : null;
    }

    private static int PadEnd(ResolvedWindow window, int axis, bool isPaddingFree)
    {
        var reach = ((window.Output[axis] - 1) * window.Strides[axis]) + (window.Dilations[axis] * (window.Kernel[axis] - 1)) + 1;
        return isPaddingFree ? Math.Max(window.PadEnd[axis], reach - window.Input[axis] - window.PadBegin[axis]) : window.PadEnd[axis];
    }
}
