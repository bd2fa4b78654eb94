namespace Nabi.Ops;

/// <summary>A cosine window a0 - a1 cos(2πn/N) + a2 cos(4πn/N) of as many values as the input, one integer, says.</summary>
public abstract record WindowFunction : Op
{
    /// <summary>Element type of the output. Default <see cref="DType.Float32"/>.</summary>
    public DType OutputDatatype { get; init; } = DType.Float32;

    /// <summary>Is N the size, as spectra need it, rather than the size - 1 of a symmetric window? Default true.</summary>
    public bool Periodic { get; init; } = true;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) =>
        new TensorType(OutputDatatype, x.Integers(0) is [var size] ? Shape.From([size]) : [Shape.Unknown]);

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => OutputDatatype;

    private protected Tensor Window(EvalContext x, double a0, double a1, double a2)
    {
        var size = x.Integers(0) is [>= 0 and var given] ? given : throw new NabiException("its size must be one number, 0 or more");
        var result = Tensor.Empty(DType.Float64, Shape.From([size]));
        var turn = 2 * Math.PI / Math.Max(1, Periodic ? size : size - 1);
        for (var n = 0; n < result.Count; n++)
            result.Span<double>()[n] = a0 - a1 * Math.Cos(turn * n) + a2 * Math.Cos(2 * turn * n);
        return result.Cast(OutputDatatype);
    }
}
