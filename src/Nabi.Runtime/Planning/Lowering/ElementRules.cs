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
        [typeof(Greater)] = (n, e) => e.Apply(ElementKind.Less, e[n.Inputs[1]!], e[n.Inputs[0]!]),
        [typeof(Cast)] = CastRule,
    };

    /// <summary>Is the node elementwise on types the programs know?</summary>
    public static bool Knows(Node node)
    {
        if (node.Outputs.Count != 1 || !IsKnown(node.Output.DType) || node.Inputs.Any(v => v is not null && !IsKnown(v.DType))) return false;
        return Table.ContainsKey(node.Op.GetType()) || Activations.TryGet(node, out _);
    }

    /// <summary>Writes the node's instructions and defines its output.</summary>
    public static void Write(Node node, ElementExpression e)
    {
        var number = Activations.TryGet(node, out var function)
            ? e.Apply(function, e[node.Inputs[0]!])
            : Table[node.Op.GetType()](node, e);
        e.Define(node.Output, number);
    }

    private static bool IsKnown(DType type) => type is DType.Float32 or DType.Bool;

    private static Rule Binary(ElementKind kind) => (n, e) => e.Apply(kind, e[n.Inputs[0]!], e[n.Inputs[1]!]);

    // Truth values are 1 and 0 already; a number becomes true unless it is 0.
    private static int CastRule(Node node, ElementExpression e)
    {
        var from = e[node.Inputs[0]!];
        return node.Output.DType == DType.Bool && node.Inputs[0]!.DType != DType.Bool
            ? e.Apply(ElementKind.Not, e.Apply(ElementKind.Not, from))
            : e.Apply(Unary.Identity, from);
    }
}
