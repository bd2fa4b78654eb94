using Nabi.Ops;

namespace Nabi.Runtime.Planning;

/// <summary>
/// Writes an activation composed of several operators as the one it is, so that it can end the product before it: x sigmoid(x) as Swish,
/// x HardSigmoid(x) as HardSwish, x / 2 (1 + erf(x / sqrt 2)) as Gelu, x &gt;= 0 ? 1 : -1 as Binarize, x &gt; t ? 1 : x &lt; -t ? -1 : 0 as Ternarize. What something else reads
/// too, a gradient say, stays.
/// </summary>
internal static class ComposedActivations
{
    private const float Tolerance = 1e-6f;

    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("name composed activations", graph => graph.Rewrite((node, r) =>
        node.Op is Where && node.Output.DType == DType.Float32 ? Choice(node, r)
        : node.Op is Mul && node.Output.DType == DType.Float32 && Match(node) is { } found
            ? r.Builder.ApplyNamed(found.Op, $"{found.Inner.Name}+{node.Name}", 1, [r[found.Argument]], [node.Output.Name])
            : null));

    private static IReadOnlyList<Value>? Choice(Node where, Rewriter r)
    {
        if (where.Inputs[0] is not { UseCount: 1, Producer: { } question } || question.Inputs[0] is not { } x || !x.Shape.Equals(where.Output.Shape) || !IsNumber(where.Inputs[1]!, 1)) return null;
        var (limit, other) = (question.Inputs[1]!, where.Inputs[2]!);
        if (question.Op is GreaterOrEqual && IsNumber(limit, 0) && IsNumber(other, -1)) return r.Builder.ApplyNamed(new Binarize(), where.Name, 1, [r[x]], [where.Output.Name]);
        if (question.Op is not Greater || limit.Constant is not { Count: 1 } threshold || other is not { UseCount: 1, Producer: { Op: Where } low } || !IsNumber(low.Inputs[1]!, -1) || !IsNumber(low.Inputs[2]!, 0)) return null;
        return low.Inputs[0] is { UseCount: 1, Producer: { Op: Less } less } && less.Inputs[0] == x && less.Inputs[1]!.Constant is { Count: 1 } negative && negative.Item() == -threshold.Item()
            ? r.Builder.ApplyNamed(new Ternarize(), where.Name, 1, [r[x], r[limit]], [where.Output.Name])
            : null;
    }

    private static Composition? Match(Node product)
    {
        var factors = new List<Value>();
        AddFactors(product, factors);
        return factors.Count switch
        {
            2 => Gated(factors[0], factors[1]) ?? Gated(factors[1], factors[0]),
            3 => GaussianOf(factors),
            _ => null,
        };
    }

    // The factors of a product of products of which nothing reads the parts.
    private static void AddFactors(Node product, List<Value> factors)
    {
        foreach (var input in product.Inputs)
        {
            if (input is { UseCount: 1, Producer: { Op: Mul } inner } && inner.Output.Shape.Equals(product.Output.Shape)) AddFactors(inner, factors);
            else factors.Add(input!);
        }
    }

    private static Composition? Gated(Value x, Value gate) => gate is { UseCount: 1, Producer: { } inner } && inner.Inputs[0] == x
        ? inner.Op switch
        {
            Sigmoid => new(new Swish(), x, inner),
            HardSigmoid h when Is(h.Alpha, 1f / 6f) && Is(h.Beta, 0.5f) => new(new HardSwish(), x, inner),
            _ => null,
        }
        : null;

    // x, 1/2 and 1 + erf(x / sqrt 2) in any order.
    private static Composition? GaussianOf(List<Value> factors)
    {
        var half = factors.FindIndex(f => IsNumber(f, 0.5f));
        if (half < 0) return null;
        factors.RemoveAt(half);
        return Gaussian(factors[0], factors[1]) ?? Gaussian(factors[1], factors[0]);
    }

    private static Composition? Gaussian(Value x, Value sum) =>
        sum is { UseCount: 1, Producer: { Op: Add } add } && Other(add, 1f) is { UseCount: 1, Producer: { Op: Erf } erf } && erf.Inputs[0] is { UseCount: 1, Producer: { } scaled }
        && scaled.Inputs[0] is { } argument && (argument == x ? scaled.Inputs[1] : scaled.Inputs[1] == x ? argument : null) is { } scale
        && ((scaled.Op is Mul && IsNumber(scale, 0.70710678f)) || (scaled.Op is Div && argument == x && IsNumber(scale, 1.41421356f)))
            ? new(new Gelu(), x, erf) : null;

    private static Value? Other(Node sum, float number) =>
        IsNumber(sum.Inputs[1]!, number) ? sum.Inputs[0] : IsNumber(sum.Inputs[0]!, number) ? sum.Inputs[1] : null;

    private static bool IsNumber(Value value, float number) => value.Constant is { Count: 1, DType: DType.Float32 } tensor && Is((float)tensor.Item(), number);

    private static bool Is(float a, float b) => MathF.Abs(a - b) <= Tolerance;

    private sealed record Composition(Op Op, Value Argument, Node Inner);
}
