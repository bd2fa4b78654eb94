namespace Nabi.Ops;

/// <summary>ONNX <c>Hardmax</c> (opset 13 on): 1 at the first largest element along <see cref="AxisOp.Axis"/>, 0 elsewhere.</summary>
public sealed record Hardmax : AxisOp
{
    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x) => MapLines(x, Map);

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise();

    private static void Map(Span<double> line)
    {
        var best = 0;
        for (var i = 1; i < line.Length; i++)
            if (line[i] > line[best]) best = i;
        line.Clear();
        if (!line.IsEmpty) line[best] = 1;
    }
}
