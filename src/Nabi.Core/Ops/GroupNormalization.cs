namespace Nabi.Ops;

/// <summary>
/// ONNX <c>GroupNormalization</c> (Wu and He 2018): z Scale + B, where z has mean 0 and variance 1 over each group of channels of each sample. Inputs:
/// X [N, C, ...], Scale and B, each [C] or, as in operator set 18, [NumGroups].
/// </summary>
public sealed record GroupNormalization : NormalizationOp
{
    /// <summary>Groups into which the channels are divided; required, divides C.</summary>
    public int NumGroups { get; init; } = 1;

    /// <summary>The precision of the statistics in ONNX's numbering (1 is single). The reference computes in double. Default 1.</summary>
    public int StashType { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var channels = x.RequireRank(0, 3)[1];
        if (NumGroups < 1 || channels != Shape.Unknown && channels % NumGroups != 0) throw x.Fail($"{channels} channels cannot be divided into {NumGroups} groups");
        for (var i = 1; i < 3; i++)
            if (x.RequireRank(i, 1, 1)[0] is var size && size != channels && size != NumGroups && size != Shape.Unknown && channels != Shape.Unknown)
                throw x.Fail($"input {i} has {size} numbers for {channels} channels in {NumGroups} groups");
        return x.Input(0);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var z = Standardize(data.Reshape([data.Shape[0], NumGroups, data.Count / Math.Max(1, data.Shape[0] * NumGroups)]), [2]).Z.Reshape(data.Shape);
        return Scaled(z, Channels(x.Input(1), data.Shape), Channels(x.Input(2), data.Shape)).Cast(data.DType);
    }

    /// <summary>The channels stay: removing some would move others into another group.</summary>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output(), except: 1);

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => g.Through(x =>
    {
        var (b, data) = (g.Builder, x[0]!);
        var grouped = b.Apply(new Reshape(), data, b.Integers(0, NumGroups, -1));
        var z = b.ReshapeLike(Standardize(b, grouped, [2]), data);
        return [b.Add(b.Mul(z, Channels(b, x[1]!, data)), Channels(b, x[2]!, data))];
    });

    private static Tensor Channels(Tensor numbers, Shape data)
    {
        var repeat = data[1] / numbers.Count;
        var from = numbers.Cast(DType.Float64).Span<double>();
        var channels = new double[data[1]];
        for (var i = 0; i < channels.Length; i++) channels[i] = from[i / repeat];
        return PerChannel(Tensor.Vector<double>(channels), data.Rank);
    }

    private static Value Channels(GraphBuilder b, Value numbers, Value data)
    {
        var (given, channels) = (numbers.Shape[0], data.Shape[1]);
        if (given == channels || given <= 0 || channels <= 0) return b.PerChannel(numbers, data);
        var repeated = b.Apply(new Expand(), b.Reshape(numbers, [given, 1]), b.Integers(given, channels / given));
        return b.PerChannel(b.Reshape(repeated, [channels]), data);
    }
}
