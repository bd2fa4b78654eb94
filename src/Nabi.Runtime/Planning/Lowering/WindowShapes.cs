using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>From a graph's window over any number of spatial axes to the kernels' two.</summary>
internal static class WindowShapes
{
    /// <summary>Most taps of one window that the kernels take.</summary>
    public const int MaxTaps = TileLoop.MaxTaps;

    /// <summary>The window of one or two spatial axes, one counting as width; null for more, or if the kernels round its size otherwise.</summary>
    public static WindowShape? TryOf(Shape data, ResolvedWindow window)
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
            PadBottom = h < 0 ? 0 : window.PadEnd[h],
            PadRight = window.PadEnd[w],
        };
        var rows = h < 0 ? 1 : window.Output[h];
        return shape.OutHeight == rows && shape.OutWidth == window.Output[w] ? shape : null;
    }
}
