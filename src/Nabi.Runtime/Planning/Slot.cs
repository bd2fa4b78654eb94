namespace Nabi.Runtime.Planning;

/// <summary>Where the memory of a slot comes from.</summary>
internal enum SlotHome
{
    /// <summary>The arena, during part of the run.</summary>
    Arena,

    /// <summary>The session: computed once from parameters that do not change, or the pinned tensor of such a parameter.</summary>
    Constant,

    /// <summary>The pinned tensor of a parameter that the graph updates.</summary>
    Parameter,

    /// <summary>The tensor the caller gives.</summary>
    Input,
}

/// <summary>A value, a packed weight or scratch memory of a plan.</summary>
internal sealed unsafe class Slot
{
    private byte* _address;
    private long _start;

    public Slot(string name, DType dtype, Shape shape, Layout layout, SlotHome home, long bytes)
    {
        (Name, DType, Shape, Layout, Home, Bytes) = (name, dtype, shape, layout, home, bytes);
    }

    public Slot(string name, TensorType type, Layout layout, SlotHome home) : this(name, type.DType, type.Shape, layout, home, type.Bytes) { }

    public string Name { get; }

    public DType DType { get; }

    /// <summary>The shape in the graph's order of axes, whatever the layout.</summary>
    public Shape Shape { get; }

    public Layout Layout { get; }

    public SlotHome Home { get; set; }

    public long Bytes { get; }

    /// <summary>Elements from one pixel to the next if this is some of the channels of a wider image, else 0.</summary>
    public int PixelStride { get; private init; }

    /// <summary>Is it some of the channels of a wider image?</summary>
    public bool IsPart => PixelStride != 0;

    /// <summary>Strides in elements, indexed by the graph's axes.</summary>
    public long[] Strides => Layouts.Strides(IsPart ? Shape.With(1, PixelStride) : Shape, Layout);

    /// <summary>The slot whose memory this one sees, or null.</summary>
    public Slot? Base { get; private set; }

    /// <summary>The slot at the end of the chain of bases.</summary>
    public Slot Root => Base is null ? this : Base.Root;

    /// <summary>Steps during which the arena memory is needed; set on roots.</summary>
    public int First { get; set; } = int.MaxValue;

    /// <summary>The last step that touches it.</summary>
    public int Last { get; set; } = -1;

    /// <summary>Bytes from the start of the arena (or of the constants); set on roots.</summary>
    public long Offset { get; set; }

    /// <summary>Where the elements are now.</summary>
    public byte* Address => Base is null ? _address : Base.Address + _start;

    /// <summary>The elements as floats.</summary>
    public float* Floats => (float*)Address;

    /// <summary>Does the content stay the same from run to run?</summary>
    public bool IsConstant => Root.Home == SlotHome.Constant;

    /// <summary>The same memory under another type or layout.</summary>
    public Slot View(string name, TensorType type, Layout layout) => new(name, type, layout, Root.Home) { Base = this };

    /// <summary>Channels of this channels-last image, from <paramref name="channel"/> on, where they lie.</summary>
    public Slot Part(string name, TensorType type, int channel) => new(name, type, Layout.ChannelsLast, Root.Home)
    {
        Base = this,
        PixelStride = IsPart ? PixelStride : Shape[1],
        _start = channel * (DType.Bits() / 8),
    };

    /// <summary>Lets this slot share the memory of another from now on.</summary>
    public void ShareWith(Slot other) => Base = other;

    public void Place(byte* address) => _address = address;

    /// <inheritdoc/>
    public override string ToString() => $"%{Name}: {DType}{Shape}{(Layout == Layout.ChannelsLast ? " nhwc" : "")}";
}
