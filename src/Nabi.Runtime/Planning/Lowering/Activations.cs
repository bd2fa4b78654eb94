using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Which operators are functions of one float element, and which function each is.</summary>
internal static class Activations
{
    /// <summary>The function of a node whose first input is the argument; false if it is none.</summary>
    public static bool TryGet(Node node, out Unary function)
    {
        function = Unary.Identity;
        if (node.Inputs is not [{ DType: DType.Float32 }, ..] || node.Output.DType != DType.Float32) return false;
        Unary? found = node.Op switch
        {
            Relu => Unary.Relu,
            Neg => new Unary(UnaryKind.Negate),
            Exp => new Unary(UnaryKind.Exp),
            Log => new Unary(UnaryKind.Log),
            Sqrt => new Unary(UnaryKind.Sqrt),
            _ => null,
        };
        function = found ?? Unary.Identity;
        return found is not null;
    }
}
