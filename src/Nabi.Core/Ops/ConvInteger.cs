namespace Nabi.Ops;

/// <summary>
/// ONNX <c>ConvInteger</c>: the exact convolution of 8-bit integers into Int32. Inputs: X [N, C, spatial], W [M, C/Group, kernel], optional zero point of X (a scalar)
/// and of W (a scalar or [M]). Padding is the zero point.
/// </summary>
public sealed record ConvInteger : Op
{
    /// <summary>The sliding window; the kernel's size is the weight's.</summary>
    public Window Window { get; init; } = new();

    /// <summary>Groups into which channels and filters are divided. Default 1.</summary>
    public int Group { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (data, weight) = (x.RequireRank(0, 3), x.RequireRank(1, 3));
        if (data.Rank != weight.Rank) throw x.Fail($"input {data} and weight {weight} must have the same rank");
        return new TensorType(DType.Int32, Convolution.OutputShape(data, weight, Window.Resolve(data.Dims[2..], weight.Dims[2..]), Group));
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Int32;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, weight) = (x.Input(0), x.Input(1));
        return Convolution.Forward(Affine.Centered(data, x.Optional(2), 1), Affine.Centered(weight, x.Optional(3), 0), null,
            Window.Resolve(data.Shape.Dims[2..], weight.Shape.Dims[2..]), Group).Cast(DType.Int32);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Output().Count * x.Input(1).CountOf(1, x.Input(1).Rank));
}
