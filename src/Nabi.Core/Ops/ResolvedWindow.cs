namespace Nabi.Ops;

/// <summary>A <see cref="Window"/> with every number worked out for an input; one per spatial axis, outermost first.</summary>
public sealed record ResolvedWindow
{
    // More table entries than this are not evaluated by reference: 2^28 of 4 bytes.
    private const long MaxTaps = 1L << 28;

    /// <summary>Spatial sizes of the input, <see cref="Shape.Unknown"/> where not known.</summary>
    public required ValueArray<int> Input { get; init; }

    /// <summary>Taps per axis.</summary>
    public required ValueArray<int> Kernel { get; init; }

    /// <summary>Steps between windows.</summary>
    public required ValueArray<int> Strides { get; init; }

    /// <summary>Steps between taps.</summary>
    public required ValueArray<int> Dilations { get; init; }

    /// <summary>Padding before the input.</summary>
    public required ValueArray<int> PadBegin { get; init; }

    /// <summary>Padding after the input.</summary>
    public required ValueArray<int> PadEnd { get; init; }

    /// <summary>Windows per axis, <see cref="Shape.Unknown"/> where not known.</summary>
    public required ValueArray<int> Output { get; init; }

    /// <summary>Number of spatial axes.</summary>
    public int Rank => Input.Count;

    /// <summary>Input elements that one window spans on an axis: (kernel - 1) * dilation + 1.</summary>
    public long Extent(int axis) => (Kernel[axis] - 1L) * Dilations[axis] + 1;

    /// <summary>Taps of one window.</summary>
    public int TapCount => Product(Kernel);

    /// <summary>Spatial elements of the input.</summary>
    public int InputCount => Product(Input);

    /// <summary>Windows, which are the spatial elements of the output.</summary>
    public int OutputCount => Product(Output);

    /// <summary>
    /// The same window with explicit pads, under which sizes rounded down give exactly <see cref="Output"/>: what an automatic or
    /// rounded-up window looks like to a convolution.
    /// </summary>
    public Window Explicit()
    {
        var pads = new int[2 * Rank];
        for (var i = 0; i < Rank; i++)
        {
            var needed = (Output[i] - 1L) * Strides[i] + Extent(i) - Input[i] - PadBegin[i];
            pads[i] = PadBegin[i];
            pads[Rank + i] = Window.Size(Math.Max(0, needed > PadEnd[i] || PadEnd[i] - needed >= Strides[i] ? needed : PadEnd[i]));
        }
        return new Window { KernelShape = Kernel, Strides = Strides, Dilations = Dilations, Pads = pads };
    }

    /// <summary>The taps of every window: offset into the spatial elements of one input channel, or one of the two below.</summary>
    internal int[] Taps()
    {
        if ((long)OutputCount * TapCount > MaxTaps)
            throw new NabiException($"{OutputCount} windows of {TapCount} taps are too many for the reference evaluation");
        int[] table = [0];
        for (var axis = 0; axis < Rank; axis++) table = WithAxis(table, axis);
        return table;
    }

    /// <summary>A tap in the padding.</summary>
    internal const int InPadding = -1;

    /// <summary>A tap behind the padding, where only windows rounded up reach.</summary>
    internal const int Outside = -2;

    // Before: [outputs of the axes so far, taps of the axes so far]. After: the same with one axis more on both sides.
    private int[] WithAxis(int[] before, int axis)
    {
        int taps = 1, outputs = 1;
        for (var i = 0; i < axis; i++) (taps, outputs) = (taps * Kernel[i], outputs * Output[i]);
        var table = new int[before.Length * Output[axis] * Kernel[axis]];
        var next = 0;
        for (var o = 0; o < outputs; o++)
            for (var p = 0; p < Output[axis]; p++)
                for (var t = 0; t < taps; t++)
                    for (var k = 0; k < Kernel[axis]; k++)
                        table[next++] = Step(before[o * taps + t], axis, p, k);
        return table;
    }

    private int Step(int offset, int axis, int window, int tap)
    {
        var at = (long)window * Strides[axis] - PadBegin[axis] + (long)tap * Dilations[axis];
        if (offset == Outside || at >= (long)Input[axis] + PadEnd[axis]) return Outside;
        return offset == InPadding || at < 0 || at >= Input[axis] ? InPadding : offset * Input[axis] + (int)at;
    }

    private static int Product(ValueArray<int> sizes)
    {
        var product = 1L;
        foreach (var size in sizes.Span) product = Window.Size(product * size);
        return (int)product;
    }
}
