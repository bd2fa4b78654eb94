namespace Nabi.Ops;

/// <summary>
/// The window that slides over the spatial axes of a convolution or pooling: one number per spatial axis, outermost first.
/// Empty lists mean the default.
/// </summary>
public sealed record Window : IAttributeGroup
{
    /// <summary>Size of the window; a convolution takes it from the weight when empty.</summary>
    public ValueArray<int> KernelShape { get; init; } = [];

    /// <summary>Steps between windows, each at least 1. Default 1.</summary>
    public ValueArray<int> Strides { get; init; } = [];

    /// <summary>Padding at the beginning of every axis, then at the end of every axis. Default 0.</summary>
    public ValueArray<int> Pads { get; init; } = [];

    /// <summary>Steps between the taps of one window, each at least 1. Default 1.</summary>
    public ValueArray<int> Dilations { get; init; } = [];

    /// <summary>Computes the padding instead of <see cref="Pads"/>. Default: it does not.</summary>
    public AutoPad AutoPad { get; init; }

    /// <summary>The same number on each of <paramref name="rank"/> spatial axes.</summary>
    public static Window Of(int kernel, int stride = 1, int pad = 0, int dilation = 1, int rank = 2) => new()
    {
        KernelShape = Repeated(kernel, rank),
        Strides = Repeated(stride, rank),
        Pads = Repeated(pad, 2 * rank),
        Dilations = Repeated(dilation, rank),
    };

    /// <summary>Works out every number for an input.</summary>
    /// <param name="input">Spatial sizes of the input, <see cref="Shape.Unknown"/> where not known.</param>
    /// <param name="kernel">Spatial sizes of the weight; empty for pooling, which states them itself.</param>
    /// <param name="ceil">Round output sizes up rather than down? Windows that would start in the end padding are left out.</param>
    /// <exception cref="NabiException">Lists have the wrong length, a number is out of range, or the kernel exceeds the padded input.</exception>
    public ResolvedWindow Resolve(ReadOnlySpan<int> input, ReadOnlySpan<int> kernel = default, bool ceil = false)
    {
        var sides = Sides(input, kernel);
        var (begin, end, output) = (new int[input.Length], new int[input.Length], new int[input.Length]);
        for (var i = 0; i < input.Length; i++)
            (begin[i], end[i], output[i]) = Axis(i, input[i], sides, ceil);
        return sides with { PadBegin = begin, PadEnd = end, Output = output };
    }

    /// <summary>Kernel, strides and dilations with their defaults, checked; explicit pads; the output is left open.</summary>
    internal ResolvedWindow Sides(ReadOnlySpan<int> input, ReadOnlySpan<int> kernel)
    {
        var rank = input.Length;
        if (!kernel.IsEmpty && !KernelShape.IsEmpty && !KernelShape.Span.SequenceEqual(kernel))
            throw new NabiException($"kernel_shape {KernelShape} differs from the weight's [{string.Join(", ", kernel.ToArray())}]");
        ValueArray<int> size = kernel.IsEmpty ? KernelShape : kernel.ToArray();
        if (size.IsEmpty && rank > 0) throw new NabiException("kernel_shape is missing");
        var pads = Checked("pads", Pads, 2 * rank, 0, 0);
        return new ResolvedWindow
        {
            Input = input.ToArray(),
            Kernel = Checked("kernel_shape", size, rank, 1, 1),
            Strides = Checked("strides", Strides, rank, 1, 1),
            Dilations = Checked("dilations", Dilations, rank, 1, 1),
            PadBegin = pads.Span[..rank].ToArray(),
            PadEnd = pads.Span[rank..].ToArray(),
            Output = Repeated(Shape.Unknown, rank),
        };
    }

    private (int Begin, int End, int Output) Axis(int i, int input, ResolvedWindow sides, bool ceil)
    {
        var (begin, end) = AutoPad == AutoPad.NotSet ? (sides.PadBegin[i], sides.PadEnd[i]) : (0, 0);
        if (input == Shape.Unknown) return (begin, end, Shape.Unknown);
        long stride = sides.Strides[i];
        if (AutoPad is AutoPad.SameUpper or AutoPad.SameLower)
        {
            var same = (input + stride - 1) / stride;
            var total = Size(Math.Max(0, (same - 1) * stride + sides.Extent(i) - input));
            return AutoPad == AutoPad.SameUpper ? (total / 2, total - total / 2, (int)same) : (total - total / 2, total / 2, (int)same);
        }
        var room = (long)input + begin + end - sides.Extent(i);
        if (room < 0)
            throw new NabiException($"a kernel of extent {sides.Extent(i)} does not fit into the padded size {(long)input + begin + end} of spatial axis {i}");
        var steps = ceil ? (room + stride - 1) / stride : room / stride;
        if (ceil && steps * stride >= (long)input + begin) steps--;
        return (begin, end, Size(steps + 1));
    }

    /// <summary>A computed size as a dimension.</summary>
    /// <exception cref="NabiException">It is larger than dimensions can be.</exception>
    internal static int Size(long size) => size is >= 0 and <= int.MaxValue ? (int)size : throw new NabiException($"a size or padding of {size} is not possible");

    private static ValueArray<int> Checked(string name, ValueArray<int> list, int count, int atLeast, int byDefault)
    {
        if (list.IsEmpty) return Repeated(byDefault, count);
        if (list.Count != count) throw new NabiException($"{name} {list} has {list.Count} numbers where {count} are needed");
        foreach (var number in list.Span)
            if (number < atLeast) throw new NabiException($"{name} {list} holds a number below {atLeast}");
        return list;
    }

    private static int[] Repeated(int number, int count)
    {
        var list = new int[count];
        Array.Fill(list, number);
        return list;
    }
}
