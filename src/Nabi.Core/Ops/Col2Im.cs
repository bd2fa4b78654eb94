namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Col2Im</c>: columns [N, C x block elements, number of blocks] added up to an image [N, C, D1, ..., Dk]; blocks may overlap.
/// Inputs: the columns, the image's shape and the block's shape (k numbers each).
/// </summary>
public sealed record Col2Im : Op
{
    /// <summary>Distance between the elements of a block per axis; empty, the default, means 1.</summary>
    public ValueArray<int> Dilations { get; init; } = [];

    /// <summary>Padding of the image at all begins, then all ends; empty, the default, means 0.</summary>
    public ValueArray<int> Pads { get; init; } = [];

    /// <summary>Distance between blocks per axis; empty, the default, means 1.</summary>
    public ValueArray<int> Strides { get; init; } = [];

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var columns = x.RequireRank(0, 3, 3);
        var image = x.Target(1);
        if (!image.IsRanked) return TensorType.Unranked(x.Input(0).DType);
        return x.Input(0) with
        {
            Shape = x.Integers(2) is { } block && columns[1] != Shape.Unknown
                ? Image(columns, image, block)
                : [columns[0], Shape.Unknown, .. image.Dims],
        };
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var columns = x.Input(0);
        var image = Image(columns.Shape, Shape.From(x.Integers(1)!), x.Integers(2)!);
        var moves = Forward.Moves(image, new EvalContext([null, x.Input(2)], 1, x.Rng));
        return moves.Shape.Equals(columns.Shape)
            ? moves.AddBack(columns, image)
            : throw new NabiException($"columns of shape {columns.Shape} are given, but an image {image} has columns {moves.Shape}");
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(0).Count, x.BytesRead, x.BytesWritten);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Apply(Forward, g.Grad, g.Input(2)), null, null];

    private Im2Col Forward => new() { Dilations = Dilations, Pads = Pads, Strides = Strides };

    private static Shape Image(Shape columns, Shape image, long[] block)
    {
        var elements = 1L;
        foreach (var size in block) elements = Shape.Dimension(elements * Shape.Dimension(Math.Max(1, size)));
        return columns[1] % elements == 0
            ? Shape.Create([columns[0], (int)(columns[1] / elements), .. image.Dims])
            : throw new NabiException($"the {columns[1]} rows of the columns do not divide into blocks of {elements} elements");
    }
}
