namespace Nabi.Ops;

/// <summary>ONNX <c>Shape</c>: the input's dimensions from <see cref="Start"/> to before <see cref="End"/>, as Int64.</summary>
public sealed record ShapeOf : Op
{
    /// <summary>First axis; negative counts from the end, beyond is clamped. Default 0.</summary>
    public int Start { get; init; }

    /// <summary>Axis after the last; negative counts from the end, beyond is clamped. Default null: the rank.</summary>
    public int? End { get; init; }

    /// <inheritdoc/>
    public override string Name => "Shape";

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(DType.Int64, [Taken(x.Shape(0)).Length]);

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Int64;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => Answer(x.Input(0).Shape);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <summary>The output for an input of a known shape.</summary>
    internal Tensor Answer(Shape shape) => Tensor.Vector<long>(Array.ConvertAll(Taken(shape).ToArray(), d => (long)d));

    /// <summary>The dimensions it gives of a shape, <see cref="Shape.Unknown"/> where not known.</summary>
    internal ReadOnlySpan<int> Taken(Shape shape)
    {
        var start = Clamped(Start, shape.Rank);
        var end = Clamped(End ?? shape.Rank, shape.Rank);
        return shape.Dims[start..Math.Max(start, end)];
    }

    private static int Clamped(int axis, int rank) => Math.Clamp(axis < 0 ? axis + rank : axis, 0, rank);
}
