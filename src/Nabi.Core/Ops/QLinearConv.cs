namespace Nabi.Ops;

/// <summary>
/// ONNX <c>QLinearConv</c>: convolution of quantized tensors into a quantized tensor: saturate(round((sum + B) scale_x scale_w / scale_y) + zero_y), ties to
/// even. Inputs: X, its scale and zero point, W, its scale and zero point (scalars or [M]), scale and zero point of Y, optional
/// B [M] of Int32 in the scale of the products. Y has the type of its zero point.
/// </summary>
public sealed record QLinearConv : Op
{
    /// <summary>The sliding window; the kernel's size is the weight's.</summary>
    public Window Window { get; init; } = new();

    /// <summary>Groups into which channels and filters are divided. Default 1.</summary>
    public int Group { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (data, weight) = (x.RequireRank(0, 3), x.RequireRank(3, 3));
        if (data.Rank != weight.Rank) throw x.Fail($"input {data} and weight {weight} must have the same rank");
        return new TensorType(x.Input(7).DType, Convolution.OutputShape(data, weight, Window.Resolve(data.Dims[2..], weight.Dims[2..]), Group));
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => x.Input(7).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, weight) = (x.Input(0), x.Input(3));
        var sums = Convolution.Forward(Affine.Centered(data, x.Input(2), 1), Affine.Centered(weight, x.Input(5), 0), x.Optional(8)?.Cast(DType.Float64),
            Window.Resolve(data.Shape.Dims[2..], weight.Shape.Dims[2..]), Group);
        var (scaleX, scaleW, scaleY) = (x.Input(1).ToSingle()[0], x.Input(4).ToSingle(), x.Input(6).ToSingle()[0]);
        var offsets = Affine.Offsets(sums.Shape, x.Input(4).Shape, 1, 0);
        return Affine.Requantize(sums, Array.ConvertAll(offsets, at => scaleX * scaleW[at] / scaleY), x.Input(7));
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.OfMacs((long)x.Output().Count * x.Input(3).CountOf(1, x.Input(3).Rank));
}
