namespace Nabi.Ops;

/// <summary>Where along an axis the sought element stands, as <see cref="DType.Int64"/>.</summary>
public abstract record ArgReduction : Op
{
    /// <summary>The axis; a negative one counts from the end. Default 0.</summary>
    public int Axis { get; init; }

    /// <summary>Keep the axis with size 1? Default true.</summary>
    public bool Keepdims { get; init; } = true;

    /// <summary>Of equal elements, take the last one rather than the first? Default false.</summary>
    public bool SelectLastIndex { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => new TensorType(DType.Int64, Reduced(x.Shape(0)));

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => DType.Int64;

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(0).Count, x.BytesRead, x.BytesWritten);

    // The first NaN, when there is one, is what is sought. 64-bit integers are compared as doubles.
    private protected Tensor Search(EvalContext x, double sign)
    {
        var values = x.Input(0).Cast(DType.Float64);
        var lines = Lines.Of(values.Shape, Axis);
        if (lines.Length == 0 && lines.Count > 0) throw new NabiException($"axis {Axis} of shape {values.Shape} is empty, so there is no element to find");
        var result = Tensor.Empty(DType.Int64, Reduced(values.Shape));
        var line = new double[lines.Length];
        for (var i = 0; i < lines.Count; i++)
        {
            lines.Read(i, (ReadOnlySpan<double>)values.Span<double>(), line);
            var best = 0;
            for (var j = 1; j < line.Length && !double.IsNaN(line[best]); j++)
                if (double.IsNaN(line[j]) || sign * line[j] > sign * line[best] || (SelectLastIndex && line[j] == line[best])) best = j;
            result.Span<long>()[i] = best;
        }
        return result;
    }

    private Shape Reduced(Shape shape)
    {
        var axis = shape.Axis(Axis);
        return Keepdims ? shape.With(axis, 1) : Shape.Create([.. shape.Dims[..axis], .. shape.Dims[(axis + 1)..]]);
    }
}
