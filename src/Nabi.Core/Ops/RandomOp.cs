namespace Nabi.Ops;

/// <summary>An operator that draws numbers. Two runs give different numbers unless <see cref="Seed"/> is given.</summary>
public abstract record RandomOp : Op
{
    /// <summary>Draws the same numbers in every run; without it (the default) the run's generator goes on.</summary>
    public float? Seed { get; init; }

    /// <inheritdoc/>
    public override bool IsDeterministic => false;

    // The generator to draw from.
    private protected Rng Source(EvalContext x) => Seed is { } seed ? new Rng(BitConverter.SingleToUInt32Bits(seed)) : x.Rng;

    private protected Tensor Draw(EvalContext x, DType dtype, Shape shape, Func<Rng, double> next)
    {
        var rng = Source(x);
        var result = Tensor.Empty(DType.Float64, shape);
        foreach (ref var number in result.Span<double>()) number = next(rng);
        return result.Cast(dtype);
    }
}
