namespace Nabi.Ops;

/// <summary>ONNX <c>Expand</c>: broadcasts the input to the shape given as the second input (multidirectionally).</summary>
public sealed record Expand : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var type = x.Input(0);
        var target = x.Target(1);
        if (x.Constant(1) is null && target.IsRanked) return new TensorType(type.DType, Shape.OfRank(Math.Max(type.Shape.Rank, target.Rank)));
        return new TensorType(type.DType, Shape.Broadcast(type.Shape, target));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var result = Tensor.Empty(data.DType, Shape.Broadcast(data.Shape, Shape.From(x.Integers(1)!)));
        var offsets = Elementwise.BroadcastOffsets(data.Shape, result.Shape);
        var size = data.DType.Bits() / 8;
        for (var i = 0; i < offsets.Length; i++)
            data.Bytes.Slice(offsets[i] * size, size).CopyTo(result.Bytes.Slice(i * size, size));
        return result;
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.SumTo(g.Grad, g.Input(0)), null];

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        if (c.Input(1).Constant is not null) c.TieBroadcast(c.Input(0), c.Output());
    }

    /// <inheritdoc/>
    public override Op Narrow(NarrowContext s)
    {
        var target = s.Node.Inputs[1]!.Constant!.ToInt64();
        var lead = s.Node.Output.Shape.Rank - target.Length;
        for (var i = 0; i < target.Length; i++)
            if (target[i] != 1 && s.Kept(s.Node.Output, lead + i) is { } kept) target[i] = kept.Length;
        s.Replace(1, Tensor.Vector<long>(target));
        return this;
    }
}
