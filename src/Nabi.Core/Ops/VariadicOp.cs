namespace Nabi.Ops;

/// <summary>An operator over one or more tensors of one element type that broadcast to the output.</summary>
public abstract record VariadicOp : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var type = x.Input(0);
        for (var i = 1; i < x.InputCount; i++)
        {
            var next = x.Input(i);
            if (next.DType != type.DType) throw x.Fail($"input {i} is {next.DType}, but input 0 is {type.DType}; they must be equal");
            type = type with { Shape = Shape.Broadcast(type.Shape, next.Shape) };
        }
        return type;
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x)
    {
        var inputs = 1;
        while (x.Has(inputs)) inputs++;
        return x.Elementwise(inputs - 1);
    }

    // From left to right: ((x0 o x1) o x2) o ...
    private protected static Tensor Fold<TMap>(EvalContext x, TMap map) where TMap : struct, IBinaryMap
    {
        var result = x.Input(0);
        for (var i = 1; i < x.InputCount; i++) result = Elementwise.Binary(result, x.Input(i), map);
        return x.InputCount == 1 ? result.Copy() : result;
    }

    /// <summary>The gradient of a largest or smallest input: each input that equals the output takes an equal share.</summary>
    protected static IReadOnlyList<Value?> ExtremumGradient(GradientContext g)
    {
        var b = g.Builder;
        if (g.Node.Inputs.Count == 1) return [g.Grad];
        var chosen = g.Node.Inputs.Select(v => b.Cast(b.Equal(v!, g.Output()), g.Grad.DType)).ToArray();
        var share = b.Div(g.Grad, chosen.Aggregate(b.Add));
        return [.. chosen.Select((mask, i) => b.SumTo(b.Mul(share, mask), g.Input(i)))];
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        foreach (var input in c.Node.Inputs) c.TieBroadcast(input, c.Output());
    }
}
