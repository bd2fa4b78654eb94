using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Steps that move elements without computing.</summary>
internal static unsafe class LayoutLowering
{
    /// <summary>Copies a value into a slot of the same shape and another layout.</summary>
    public static Step Convert(string name, Slot from, Slot to)
    {
        var order = Layouts.Order(to.Shape.Rank, to.Layout);
        var (source, target) = (Layouts.Strides(from.Shape, from.Layout), Layouts.Strides(to.Shape, to.Layout));
        return Rearrange(name, to.Layout == Layout.ChannelsLast ? "layout.nchw-to-nhwc" : "layout.nhwc-to-nchw", from, to,
            Array.ConvertAll(order, a => to.Shape[a]), Array.ConvertAll(order, a => source[a]), Array.ConvertAll(order, a => target[a]));
    }

    /// <summary>Copies the bytes.</summary>
    public static Step Copy(string name, Slot from, Slot to, bool isDeterministic = true) =>
        new(name, "copy", [from], [to], _ => Buffer.MemoryCopy(from.Address, to.Address, to.Bytes, from.Bytes)) { IsDeterministic = isDeterministic };

    /// <summary>Copies elements at the given strides, in elements from the slots' starts.</summary>
    public static Step Rearrange(string name, string kernel, Slot from, Slot to, int[] dims, long[] fromStrides, long[] toStrides)
    {
        var size = from.DType.Bits() / 8;
        var copy = new StridedCopy(dims, fromStrides, toStrides, size);
        return new Step(name, kernel, [from], [to], context => copy.Run(context.Pool, from.Address, to.Address));
    }
}
