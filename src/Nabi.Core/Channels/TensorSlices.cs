namespace Nabi;

/// <summary>Slices of tensors along one axis.</summary>
public static class TensorSlices
{
    /// <summary>A new tensor with the given indices along <paramref name="axis"/>, in the given order. Not for <see cref="DType.Int4"/>.</summary>
    public static Tensor Take(this Tensor tensor, int axis, ReadOnlySpan<int> indices)
    {
        var result = Tensor.Empty(tensor.DType, tensor.Shape.With(axis, indices.Length));
        var (outer, block) = Blocks(tensor, axis);
        var size = tensor.Shape[axis];
        for (var o = 0; o < outer; o++)
            for (var i = 0; i < indices.Length; i++)
                tensor.Bytes.Slice((o * size + indices[i]) * block, block).CopyTo(result.Bytes.Slice((o * indices.Length + i) * block, block));
        return result;
    }

    /// <summary>Sets all elements at <paramref name="index"/> along <paramref name="axis"/> to zero, in place.</summary>
    public static void ClearSlice(this Tensor tensor, int axis, int index)
    {
        var (outer, block) = Blocks(tensor, axis);
        for (var o = 0; o < outer; o++) tensor.Bytes.Slice((o * tensor.Shape[axis] + index) * block, block).Clear();
    }

    // How many runs there are, and the bytes of one element's run along the axis.
    private static (int Outer, int Block) Blocks(Tensor tensor, int axis)
    {
        if (tensor.DType == DType.Int4) throw new NabiException("Packed Int4 tensors cannot be sliced; prune before quantizing to 4 bits.");
        return (tensor.Shape.CountOf(0, axis), tensor.Shape.CountOf(axis + 1, tensor.Shape.Rank) * tensor.DType.Bits() / 8);
    }
}
