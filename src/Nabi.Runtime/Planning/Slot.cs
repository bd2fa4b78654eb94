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
    public byte* Address => Base is null ? _address : Base.Address;

    /// <summary>The elements as floats.</summary>
    public float* Floats => (float*)Address;

    /// <summary>Does the content stay the same from run to run?</summary>
    public bool IsConstant => Root.Home == SlotHome.Constant;

    /// <summary>The same memory under another type or layout.</summary>
    public Slot View(string name, TensorType type, Layout layout) => new(name, type, layout, Root.Home) { Base = this };

    /// <summary>Lets this slot share the memory of another from now on.</summary>
    public void ShareWith(Slot other) => Base = other;

    public void Place(byte* address) => _address = address;

    /// <inheritdoc/>
    public override string ToString() => $"%{Name}: {DType}{Shape}{(Layout == Layout.ChannelsLast ? " nhwc" : "")}";
}
