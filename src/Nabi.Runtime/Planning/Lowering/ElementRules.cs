using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>How elementwise operators on floats and truth values are written as instructions.</summary>
internal static class ElementRules
{
    private delegate int Rule(Node node, ElementExpression e);

    private static readonly Dictionary<Type, Rule> Table = new()
    {
        [typeof(Add)] = Binary(ElementKind.Add),
        [typeof(Sub)] = Binary(ElementKind.Subtract),
        [typeof(Mul)] = Binary(ElementKind.Multiply),
        [typeof(Div)] = Binary(ElementKind.Divide),
        [typeof(Max)] = Folded(ElementKind.Maximum),
        [typeof(Min)] = Folded(ElementKind.Minimum),
        [typeof(Sum)] = Folded(ElementKind.Add),
        [typeof(Less)] = (n, e) => e.Apply(ElementKind.Less, A(n, e), B(n, e)),
        [typeof(Greater)] = (n, e) => e.Apply(ElementKind.Less, B(n, e), A(n, e)),
        [typeof(LessOrEqual)] = (n, e) => OrEqual(e, A(n, e), B(n, e)),
        [typeof(GreaterOrEqual)] = (n, e) => OrEqual(e, B(n, e), A(n, e)),
        [typeof(Equal)] = (n, e) => e.Apply(ElementKind.Equal, A(n, e), B(n, e)),
        [typeof(And)] = (n, e) => e.Apply(ElementKind.Multiply, A(n, e), B(n, e)),
        [typeof(Or)] = (n, e) => e.Apply(ElementKind.Maximum, A(n, e), B(n, e)),
        [typeof(Not)] = (n, e) => e.Apply(ElementKind.Not, A(n, e)),
        [typeof(Where)] = (n, e) => e.Apply(ElementKind.Select, A(n, e), B(n, e), e[n.Inputs[2]!]),
        [typeof(Cast)] = CastRule,
        [typeof(Binarize)] = (n, e) => e.Apply(ElementKind.Select, OrEqual(e, e.Number(0), A(n, e)), e.Number(1), e.Number(-1)),
        [typeof(Ternarize)] = (n, e) => TernaryRule(e, A(n, e), B(n, e)),
        [typeof(FakeQuantize)] = FakeQuantizeLowering.Forward,
        [typeof(FakeQuantizeGradient)] = FakeQuantizeLowering.ToData,
        [typeof(Expand)] = (n, e) => e.Apply(Unary.Identity, A(n, e)),
    };

    /// <summary>Is the node elementwise on types the programs know?</summary>
    public static bool Knows(Node node)
    {
        if (!IsKnown(node.Output.DType)) return false;
        if (node.Op is FakeQuantize or FakeQuantizeGradient) return FakeQuantizeLowering.IsElementwise(node);
        if (node.Outputs.Count != 1) return false;
        // The second input of Expand is a shape, which the output's type already holds.
        foreach (var input in node.Op is Expand or Pow ? node.Inputs.Take(1) : node.Inputs)
            if (input is null ? node.Op is not Clip : !IsKnown(input.DType)) return false;
        return Table.ContainsKey(node.Op.GetType()) || Activations.TryGet(node, out _);
    }

    /// <summary>Writes the node's instructions and defines its output.</summary>
    public static void Write(Node node, ElementExpression e)
    {
        var number = Activations.TryGet(node, out var function) ? e.Apply(function, A(node, e)) : Table[node.Op.GetType()](node, e);
        e.Define(node.Output, number);
    }

    private static bool IsKnown(DType type) => type is DType.Float32 or DType.Bool;

    private static int A(Node node, ElementExpression e) => e[node.Inputs[0]!];

    private static int B(Node node, ElementExpression e) => e[node.Inputs[1]!];

    private static Rule Binary(ElementKind kind) => (n, e) => e.Apply(kind, A(n, e), B(n, e));

    private static Rule Folded(ElementKind kind) => (n, e) =>
    {
        var result = A(n, e);
        for (var i = 1; i < n.Inputs.Count; i++) result = e.Apply(kind, result, e[n.Inputs[i]!]);
        return n.Inputs.Count == 1 ? e.Apply(Unary.Identity, result) : result;
    };

    private static int OrEqual(ElementExpression e, int a, int b) => e.Apply(ElementKind.Maximum, e.Apply(ElementKind.Less, a, b), e.Apply(ElementKind.Equal, a, b));

    private static int TernaryRule(ElementExpression e, int x, int threshold)
    {
        var low = e.Apply(ElementKind.Select, e.Apply(ElementKind.Less, x, e.Apply(new Unary(UnaryKind.Negate), threshold)), e.Number(-1), e.Number(0));
        return e.Apply(ElementKind.Select, e.Apply(ElementKind.Less, threshold, x), e.Number(1), low);
    }

    // Truth values are 1 and 0 already; a number becomes true unless it is 0.
    private static int CastRule(Node node, ElementExpression e)
    {
        var from = A(node, e);
        return node.Output.DType == DType.Bool && node.Inputs[0]!.DType != DType.Bool
            ? e.Apply(ElementKind.Not, e.Apply(ElementKind.Not, from))
            : e.Apply(Unary.Identity, from);
    }
}
