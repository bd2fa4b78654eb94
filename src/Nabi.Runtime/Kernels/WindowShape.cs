namespace Nabi.Runtime.Kernels;

/// <summary>How a window slides over a batch of images: the geometry shared by convolution and pooling.</summary>
/// <remarks>Image sizes are the unpadded ones. Output sizes are floor((size + pads - dilation * (kernel - 1) - 1) / stride) + 1, at least 0.</remarks>
public readonly record struct WindowShape
{
    /// <summary>Stride and dilation 1, no padding, a batch of one.</summary>
    public WindowShape()
    {
    }

    /// <summary>Images.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Rows of an input image.</summary>
    public required int Height { get; init; }

    /// <summary>Columns of an input image.</summary>
    public required int Width { get; init; }

    /// <summary>Rows of the window.</summary>
    public required int KernelHeight { get; init; }

    /// <summary>Columns of the window.</summary>
    public required int KernelWidth { get; init; }

    /// <summary>Rows from one window to the next.</summary>
    public int StrideHeight { get; init; } = 1;

    /// <summary>Columns from one window to the next.</summary>
    public int StrideWidth { get; init; } = 1;

    /// <summary>Rows from one tap to the next.</summary>
    public int DilationHeight { get; init; } = 1;

    /// <summary>Columns from one tap to the next.</summary>
    public int DilationWidth { get; init; } = 1;

    /// <summary>Rows of padding above.</summary>
    public int PadTop { get; init; }

    /// <summary>Columns of padding to the left.</summary>
    public int PadLeft { get; init; }

    /// <summary>Rows of padding below.</summary>
    public int PadBottom { get; init; }

    /// <summary>Columns of padding to the right.</summary>
    public int PadRight { get; init; }

    /// <summary>Rows of an output image.</summary>
    public int OutHeight => Extent(Height + PadTop + PadBottom, KernelHeight, DilationHeight, StrideHeight);

    /// <summary>Columns of an output image.</summary>
    public int OutWidth => Extent(Width + PadLeft + PadRight, KernelWidth, DilationWidth, StrideWidth);

    /// <summary>Whether every window is one pixel and every pixel one window, so that a convolution is a matrix product in place.</summary>
    public bool IsPointwise => this is { KernelHeight: 1, KernelWidth: 1, StrideHeight: 1, StrideWidth: 1, PadTop: 0, PadLeft: 0, PadBottom: 0, PadRight: 0 };

    /// <summary>Whether no two windows see the same pixel.</summary>
    internal bool AreDisjoint => StrideHeight >= KernelHeight && StrideWidth >= KernelWidth && DilationHeight == 1 && DilationWidth == 1;

    /// <summary>Whether disjoint windows see every pixel.</summary>
    internal bool AreCovering => KernelHeight == StrideHeight && KernelWidth == StrideWidth
        && Height + PadTop == OutHeight * StrideHeight && Width + PadLeft == OutWidth * StrideWidth;

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Batch);
        ArgumentOutOfRangeException.ThrowIfNegative(Height);
        ArgumentOutOfRangeException.ThrowIfNegative(Width);
        ArgumentOutOfRangeException.ThrowIfLessThan(KernelHeight, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(KernelWidth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(StrideHeight, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(StrideWidth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(DilationHeight, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(DilationWidth, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(PadTop);
        ArgumentOutOfRangeException.ThrowIfNegative(PadLeft);
        ArgumentOutOfRangeException.ThrowIfNegative(PadBottom);
        ArgumentOutOfRangeException.ThrowIfNegative(PadRight);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)Batch * Height * Width, int.MaxValue, "input pixels");
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)Batch * OutHeight * OutWidth, int.MaxValue, "output pixels");
    }

    private static int Extent(int padded, int kernel, int dilation, int stride)
    {
        var free = padded - ((long)dilation * (kernel - 1)) - 1;
        return free < 0 ? 0 : (int)(free / stride) + 1;
    }
}
