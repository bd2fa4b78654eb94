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
        if (node.Inputs is not [{ DType: DType.Float32 }, ..] || node.Outputs.Count != 1 || node.Output.DType != DType.Float32) return false;
        var found = Find(node);
        function = found ?? Unary.Identity;
        return found is not null;
    }

    private static Unary? Find(Node node) => node.Op switch
    {
        Relu => Unary.Relu,
        Clip => Limits(node),
        LeakyRelu x => new Unary(UnaryKind.LeakyRelu, x.Alpha),
        Elu x => new Unary(UnaryKind.Elu, x.Alpha),
        HardSigmoid x => new Unary(UnaryKind.HardSigmoid, x.Alpha, x.Beta),
        HardSwish => new Unary(UnaryKind.HardSwish),
        Sigmoid => new Unary(UnaryKind.Sigmoid),
        Swish { Alpha: 1 } => new Unary(UnaryKind.Silu),
        Gelu x => new Unary(x.Approximate == "tanh" ? UnaryKind.GeluTanh : UnaryKind.Gelu),
        Tanh => new Unary(UnaryKind.Tanh),
        Softplus => new Unary(UnaryKind.Softplus),
        Exp => new Unary(UnaryKind.Exp),
        Log => new Unary(UnaryKind.Log),
        Sqrt => new Unary(UnaryKind.Sqrt),
        Reciprocal => new Unary(UnaryKind.Reciprocal),
        Abs => new Unary(UnaryKind.Abs),
        Neg => new Unary(UnaryKind.Negate),
        Erf => new Unary(UnaryKind.Erf),
        Pow => Power(node),
        Round => new Unary(UnaryKind.Round),
        Sign => new Unary(UnaryKind.Sign),
        _ => null,
    };

    private static Unary? Power(Node node) => node.Inputs[1] is { IsUpdated: false, Data: { Count: 1 } exponent } && node.Output.Shape.Equals(node.Inputs[0]!.Shape)
        ? exponent.Item() switch
        {
            2 => new Unary(UnaryKind.Square),
            0.5 => new Unary(UnaryKind.Sqrt),
            -0.5 => new Unary(UnaryKind.ReciprocalSqrt),
            1 => Unary.Identity,
            -1 => new Unary(UnaryKind.Reciprocal),
            _ => null,
        }
        : null;

    // Limits that training changes, or that are computed, are operands of another kind.
    private static Unary? Limits(Node node)
    {
        var (low, high) = (float.NegativeInfinity, float.PositiveInfinity);
        for (var i = 1; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is not { } limit) continue;
            if (limit.Data is null || limit.IsUpdated) return null;
            var number = (float)limit.Data.Item();
            if (i == 1) low = number;
            else high = number;
        }
        return low <= high ? Unary.Clip(low, high) : null;
    }
}
