using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Elements inside a slot: from an offset on, at strides along the graph's axes, all in elements.</summary>
internal sealed record Place(Slot Slot)
{
    public long Offset { get; init; }

    public long[] Strides { get; init; } = Slot.Strides;
}

/// <summary>Copies a block of elements from a place in one slot to a place in another.</summary>
internal sealed unsafe class PartCopy
{
    private readonly StridedCopy _copy;
    private readonly Place _from;
    private readonly Place _to;
    private readonly int _size;

    /// <summary>Prepares the copy.</summary>
    /// <param name="part">Shape of the block.</param>
    /// <param name="layout">Layout of the target, in whose order is written.</param>
    /// <param name="from">Where it is read.</param>
    /// <param name="to">Where it is written.</param>
    public PartCopy(Shape part, Layout layout, Place from, Place to)
    {
        var order = Layouts.Order(part.Rank, layout);
        _size = from.Slot.DType.Bits() / 8;
        _copy = new StridedCopy(Array.ConvertAll(order, a => part[a]), Array.ConvertAll(order, a => from.Strides[a]), Array.ConvertAll(order, a => to.Strides[a]), _size);
        (_from, _to) = (from, to);
    }

    public void Run(RunContext context) => _copy.Run(context.Pool, _from.Slot.Address + (_from.Offset * _size), _to.Slot.Address + (_to.Offset * _size));
}
