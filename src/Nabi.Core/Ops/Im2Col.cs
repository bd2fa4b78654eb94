namespace Nabi.Ops;

/// <summary>
/// The blocks of an image as columns: [N, C, D1, ..., Dk] to [N, C x block elements, number of blocks], the opposite of
/// <see cref="Col2Im"/>. Inputs: the image and the block's shape (k numbers).
/// </summary>
public sealed record Im2Col : MovingOp
{
    /// <summary>Distance between the elements of a block per axis; empty, the default, means 1.</summary>
    public ValueArray<int> Dilations { get; init; } = [];

    /// <summary>Padding at all begins, then all ends; empty, the default, means 0.</summary>
    public ValueArray<int> Pads { get; init; } = [];

    /// <summary>Distance between blocks per axis; empty, the default, means 1.</summary>
    public ValueArray<int> Strides { get; init; } = [];

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        x.RequireRank(0, 3);
        return new TensorType(dtype, shape.IsKnown && x.Integers(1) is { } block ? Columns(shape, block) : Shape.OfRank(3));
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var block = x.Integers(1)!;
        var shape = Columns(data, block);
        var counts = Counts(data, block);
        var strides = data.Strides();
        var elements = (int)Product(block);
        var sources = new int[shape.Count];
        for (var n = 0; n < sources.Length; n++)
        {
            var (column, row, image) = (n % shape[2], n / shape[2] % shape[1], n / shape[2] / shape[1]);
            var offset = image * strides[0] + row / elements * strides[1];
            var within = row % elements;
            for (var d = block.Length - 1; d >= 0 && offset >= 0; d--)
            {
                var at = column % counts[d] * At(Strides, d, 1) - At(Pads, d, 0) + within % (int)block[d] * At(Dilations, d, 1);
                offset = at >= 0 && at < data[d + 2] ? offset + at * strides[d + 2] : -1;
                column /= counts[d];
                within /= (int)block[d];
            }
            sources[n] = offset;
        }
        return new Movement(shape, sources);
    }

    private Shape Columns(Shape image, long[] block) => [image[0], Shape.Dimension(image[1] * Product(block)), (int)Product(Array.ConvertAll(Counts(image, block), c => (long)c))];

    private int[] Counts(Shape image, long[] block)
    {
        if (block.Length != image.Rank - 2) throw new NabiException($"a block of {block.Length} axes does not fit an image of shape {image}");
        var counts = new int[block.Length];
        for (var d = 0; d < counts.Length; d++)
        {
            var (stride, dilation) = (At(Strides, d, 1), At(Dilations, d, 1));
            if (block[d] < 1 || stride < 1 || dilation < 1) throw new NabiException("block, strides and dilations must be 1 or more");
            var room = (long)image[d + 2] + At(Pads, d, 0) + At(Pads, d + block.Length, 0) - dilation * (block[d] - 1) - 1;
            counts[d] = room < 0 ? 0 : Shape.Dimension(room / stride + 1);
        }
        return counts;
    }

    private static long Product(long[] numbers)
    {
        long product = 1;
        foreach (var number in numbers) product = Shape.Dimension(product * number);
        return product;
    }

    private static int At(ValueArray<int> list, int i, int otherwise) => list.IsEmpty ? otherwise : list[i];
}
