using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

/// <summary>Odd geometries: every path, every remainder of the tile, padding wider than the image, strides that skip rows.</summary>
internal static class ConvCases
{
    public static Dictionary<string, ConvShape> All { get; } = new(StringComparer.Ordinal)
    {
        ["pointwise"] = Of(2, 5, 3, 17, 35, 1),
        ["pointwise stride 2"] = Of(1, 7, 6, 20, 12, 1, stride: 2),
        ["pointwise padded"] = Of(1, 4, 4, 5, 3, 1, pad: 1),
        ["3x3 rgb"] = Of(2, 9, 21, 3, 16, 3, stride: 2, pad: 1),
        ["3x3 gray unpadded"] = Of(1, 8, 19, 1, 33, 3),
        ["5x5"] = Of(1, 6, 7, 4, 9, 5, pad: 2),
        ["3x3 same"] = Of(1, 10, 25, 16, 32, 3, pad: 1),
        ["3x3 wide"] = Of(1, 5, 75, 6, 12, 3, pad: 1),
        ["3x3 wide stride 2"] = Of(2, 6, 71, 5, 41, 3, stride: 2, pad: 1),
        ["pointwise wide"] = Of(1, 6, 51, 4, 50, 1),
        ["3x3 dilated"] = Of(1, 9, 9, 6, 17, 3, pad: 2, dilation: 2),
        ["3x3 deep"] = Of(1, 3, 3, 530, 10, 3, pad: 1),
        ["3x3 blocks"] = Of(1, 4, 12, 100, 18, 3, pad: 1),
        ["3x3 odd channels"] = Of(2, 7, 7, 27, 55, 3, pad: 1),
        ["pointwise odd channels stride 2"] = Of(2, 7, 9, 13, 29, 1, stride: 2),
        ["3x3 gray same"] = Of(2, 11, 13, 1, 14, 3, pad: 1),
        ["3x3 rgb same"] = Of(1, 12, 18, 3, 16, 3, pad: 1),
        ["3x3 four channels tall stride"] = Of(1, 19, 12, 4, 34, 3, stride: 2, pad: 1),
        ["7x7 stem"] = Of(1, 15, 23, 3, 20, 7, stride: 2, pad: 3),
        ["stride larger than kernel"] = Of(1, 11, 11, 4, 5, 2, stride: 3),
        ["asymmetric"] = new()
        {
            Window = new() { Batch = 2, Height = 6, Width = 11, KernelHeight = 1, KernelWidth = 4, StrideHeight = 2, StrideWidth = 1, PadLeft = 3, PadRight = 1, PadBottom = 2 },
            InChannels = 7,
            OutChannels = 19,
        },
        ["grouped"] = Of(2, 7, 5, 12, 18, 3, pad: 1, groups: 3),
        ["grouped pointwise"] = Of(1, 5, 5, 8, 40, 1, groups: 2),
        ["channel multiplier"] = Of(1, 6, 6, 5, 10, 3, pad: 1, groups: 5),
        ["depthwise 3x3"] = Of(2, 9, 10, 35, 35, 3, pad: 1, groups: 35),
        ["depthwise 3x3 stride 2"] = Of(1, 9, 11, 64, 64, 3, stride: 2, pad: 1, groups: 64),
        ["depthwise 5x5"] = Of(1, 7, 7, 3, 3, 5, pad: 2, groups: 3),
        ["depthwise 3x3 dilated"] = Of(1, 8, 8, 33, 33, 3, pad: 2, dilation: 2, groups: 33),
        ["depthwise 7x7 stride 2"] = Of(2, 11, 10, 18, 18, 7, stride: 2, pad: 3, groups: 18),
        ["depthwise 5x5 long rows"] = Of(1, 6, 21, 40, 40, 5, pad: 2, groups: 40),
        ["depthwise 3x3 long rows"] = Of(2, 3, 33, 16, 16, 3, pad: 1, groups: 16),
        ["depthwise 3x3 stride 2 long rows"] = Of(1, 5, 47, 20, 20, 3, stride: 2, groups: 20),
        ["depthwise strips"] = Of(2, 9, 16, 131, 131, 7, pad: 3, groups: 131),
        ["depthwise one line"] = new()
        {
            Window = new() { Batch = 2, Height = 1, Width = 45, KernelHeight = 1, KernelWidth = 3, DilationWidth = 3, PadLeft = 6 },
            InChannels = 24,
            OutChannels = 24,
            Groups = 24,
        },
        ["depthwise wide"] = Of(1, 3, 3, 300, 300, 3, pad: 1, groups: 300),
        ["3x3 several blocks of lines"] = Of(2, 20, 16, 16, 24, 3, pad: 1),
        ["pointwise many pixels"] = Of(3, 17, 11, 40, 50, 1),
        ["5x5 unpadded"] = Of(3, 12, 12, 20, 10, 5),
        ["window larger than image"] = Of(1, 2, 2, 3, 4, 5, pad: 2),
        ["nothing to see"] = Of(1, 1, 1, 2, 3, 3, pad: 4, stride: 2),
        ["no batch"] = Of(0, 4, 4, 2, 3, 3),
    };

    public static ConvShape Of(
        int batch, int height, int width, int inChannels, int outChannels, int kernel, int stride = 1, int pad = 0, int dilation = 1, int groups = 1) => new()
        {
            Window = new()
            {
                Batch = batch, Height = height, Width = width, KernelHeight = kernel, KernelWidth = kernel,
                StrideHeight = stride, StrideWidth = stride, DilationHeight = dilation, DilationWidth = dilation,
                PadTop = pad, PadLeft = pad, PadBottom = pad, PadRight = pad,
            },
            InChannels = inChannels,
            OutChannels = outChannels,
            Groups = groups,
        };
}
