namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Dropout</c> (Srivastava et al. 2014), scaled while training: x mask / (1 - ratio), where the mask keeps an element with probability 1 - ratio. Inputs:
/// x, optional ratio (a scalar in [0, 1), default 0.5), optional training mode (a scalar Bool, default false: the output is the input).
/// Outputs: y, and optionally the mask (Bool), which training must ask for because the gradient reads it.
/// </summary>
public sealed record Dropout : Op
{
    /// <summary>Seed of the mask; drawn from the run's source of chance when null. Default null.</summary>
    public long? Seed { get; init; }

    /// <inheritdoc/>
    public override bool IsDeterministic => false;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new[] { x.Input(0), x.Input(0) with { DType = DType.Bool } };

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => index == 0 ? x.Input(0).DType : DType.Bool;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var ratio = x.Optional(1)?.Item() ?? 0.5;
        var mask = Tensor.Empty(DType.Bool, data.Shape);
        mask.Bytes.Fill(1);
        if (!IsTraining(x.Optional(2)) || ratio == 0) return new[] { data.Copy(), mask };
        if (ratio is < 0 or >= 1) throw new NabiException($"the dropout ratio is {ratio} but must be in [0, 1)");
        var rng = Seed is { } seed ? new Rng((ulong)seed) : x.Rng;
        var result = data.Cast(DType.Float64).Copy();
        var values = result.Span<double>();
        for (var i = 0; i < values.Length; i++)
        {
            var isKept = rng.NextSingle() >= ratio;
            mask.Bytes[i] = isKept ? (byte)1 : (byte)0;
            values[i] = isKept ? values[i] / (1 - ratio) : 0;
        }
        return new[] { result.Cast(data.DType), mask };
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        foreach (var output in c.Node.Outputs) c.TieAll(c.Input(0), output);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        if (!g.Has(2) || g.Input(2).Constant is { } mode && !IsTraining(mode)) return [g.Grad, null, null];
        if (g.Node.Outputs.Count < 2)
            throw new NabiException($"Node '{g.Node.Name}' (Dropout): its gradient needs the mask; give the node its second output.");
        var kept = b.Mul(g.Grad, b.Cast(g.Output(1), g.Grad.DType));
        var ratio = g.Has(1) ? b.Cast(g.Input(1), g.Grad.DType) : b.Scalar(0.5, g.Grad);
        // Outside training the mask is all ones and nothing is scaled.
        var factor = b.Where(g.Input(2), b.Reciprocal(b.Sub(1, ratio)), b.Scalar(1, g.Grad));
        return [b.Mul(kept, factor), null, null];
    }

    private static bool IsTraining(Tensor? mode) => mode is not null && mode.Bytes.ContainsAnyExcept((byte)0);
}
