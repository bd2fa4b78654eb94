namespace Nabi.Ops;

/// <summary>
/// ONNX <c>InstanceNormalization</c> (Ulyanov et al. 2016): z Scale + B, where z has mean 0 and variance 1 over each channel of each sample. Inputs:
/// X [N, C, spatial], Scale [C], B [C].
/// </summary>
public sealed record InstanceNormalization : NormalizationOp
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        Shape channels = [x.RequireRank(0, 3)[1]];
        return channels.Accepts(x.Shape(1)) && channels.Accepts(x.Shape(2))
            ? x.Input(0)
            : throw x.Fail($"scale {x.Shape(1)} and bias {x.Shape(2)} do not fit {channels[0]} channels");
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var rank = data.Shape.Rank;
        var z = Standardize(data, AxesFrom(2, rank)).Z;
        return Scaled(z, PerChannel(x.Input(1), rank), PerChannel(x.Input(2), rank)).Cast(data.DType);
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.TieAll(c.Input(0), c.Output());
        for (var i = 1; i < 3; i++) c.Tie(c.Input(i), 0, c.Output(), 1);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        var (b, data) = (g.Builder, x[0]!);
        var z = Standardize(b, data, AxesFrom(2, data.Shape.Rank));
        return [b.Add(b.Mul(z, b.PerChannel(x[1]!, data)), b.PerChannel(x[2]!, data))];
    });
}
