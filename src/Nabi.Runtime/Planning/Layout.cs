namespace Nabi.Runtime.Planning;

/// <summary>The order of a value's elements in memory. Only the plan knows layouts; a graph's values are row-major.</summary>
internal enum Layout
{
    /// <summary>Row-major in the order of the graph's axes: NCHW for images.</summary>
    RowMajor,

    /// <summary>Axis 1 moved to the end: NHWC for images. Only for rank 3 and more.</summary>
    ChannelsLast,
}

/// <summary>Facts about layouts.</summary>
internal static class Layouts
{
    /// <summary>Do both layouts put the elements in the same order? True when there is one channel or one position.</summary>
    public static bool AreSame(Shape shape) =>
        shape.Rank < 3 || shape[1] == 1 || shape.CountOf(2, shape.Rank) == 1 || shape.Count == 0;

    /// <summary>The axes of a tensor in the order they lie in memory, outermost first.</summary>
    public static int[] Order(int rank, Layout layout)
    {
        var order = new int[rank];
        for (var i = 0; i < rank; i++)
            order[i] = layout == Layout.RowMajor || i == 0 ? i : i == rank - 1 ? 1 : i + 1;
        return order;
    }

    /// <summary>Strides in elements, indexed by the graph's axes.</summary>
    public static long[] Strides(Shape shape, Layout layout)
    {
        var order = Order(shape.Rank, layout);
        var strides = new long[shape.Rank];
        long stride = 1;
        for (var i = order.Length - 1; i >= 0; i--)
        {
            strides[order[i]] = stride;
            stride *= shape[order[i]];
        }
        return strides;
    }
}
