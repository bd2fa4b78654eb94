namespace Nabi.Ops;

/// <summary>An operator that treats every line of elements along one axis by itself; the output has the input's type and shape.</summary>
public abstract record AxisOp : Op
{
    /// <summary>The axis; a negative one counts from the end. Default -1.</summary>
    public int Axis { get; init; } = -1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        x.Shape(0).Axis(Axis);
        return x.Input(0);
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(5);

    // Each line is changed in place, in double precision.
    private protected Tensor MapLines(EvalContext x, LineMap map)
    {
        var values = x.Input(0).Cast(DType.Float64);
        var lines = Lines.Of(values.Shape, Axis);
        var result = Tensor.Empty(DType.Float64, values.Shape);
        var line = new double[lines.Length];
        for (var i = 0; i < lines.Count; i++)
        {
            lines.Read(i, (ReadOnlySpan<double>)values.Span<double>(), line);
            map(line);
            lines.Write(i, line, result.Span<double>());
        }
        return result.Cast(x.Input(0).DType);
    }

    private protected delegate void LineMap(Span<double> line);

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output(), except: Axis);
}
