using Nabi.Ops;

namespace Nabi.Runtime.Planning;

/// <summary>
/// The gradient of an activation that is flat outside an interval (Relu, Clip): what flows into its result passes where the argument lies in
/// the interval, and is 0 elsewhere.
/// </summary>
/// <param name="Gradient">What flows into the activation's result.</param>
/// <param name="Argument">What the activation was applied to.</param>
/// <param name="Low">The smallest argument at which the gradient passes.</param>
/// <param name="High">The largest.</param>
/// <param name="Nodes">The nodes that compute it.</param>
internal sealed record GradientGate(Value Gradient, Value Argument, float Low, float High, IReadOnlyList<Node> Nodes)
{
    /// <summary>The gate whose result is <paramref name="value"/>, read by one node only; null if it is none.</summary>
    public static GradientGate? Of(Value? value)
    {
        var gate = value switch
        {
            { UseCount: 1, Producer: { Op: Mul } product } => OfRelu(product, 0) ?? OfRelu(product, 1),
            { UseCount: 1, Producer: { Op: Where } choice } => OfClip(choice),
            _ => null,
        };
        return gate is not null && gate.Gradient.Shape.Equals(value!.Shape) ? gate : null;
    }

    // g (Relu(x) > 0), which is where x is at least the smallest positive number.
    private static GradientGate? OfRelu(Node product, int side)
    {
        if (product.Inputs[side] is not { UseCount: 1, Producer: { Op: Cast, Inputs: [{ UseCount: 1, Producer: { Op: Greater } question }] } cast }) return null;
        if (Number(question.Inputs[1]) is not 0 || question.Inputs[0] is not { Producer: { Op: Relu, Inputs: [{ } x] } }) return null;
        return product.Inputs[1 - side] is { } gradient ? new GradientGate(gradient, x, float.Epsilon, float.PositiveInfinity, [question, cast, product]) : null;
    }

    // x >= low ? (max(x, low) <= high ? g : 0) : 0.
    private static GradientGate? OfClip(Node outer)
    {
        if (outer.Inputs is not [{ UseCount: 1, Producer: { Op: GreaterOrEqual } isAbove }, { UseCount: 1, Producer: { Op: Where } inner }, { } zero] || Number(zero) is not 0) return null;
        if (inner.Inputs is not [{ UseCount: 1, Producer: { Op: LessOrEqual } isBelow }, { } gradient, { } innerZero] || Number(innerZero) is not 0) return null;
        if (isBelow.Inputs[0] is not { UseCount: 1, Producer: { Op: Max, Inputs: [{ } x, { } raise] } raised } || isAbove.Inputs[0] != x) return null;
        if (Number(isAbove.Inputs[1]) is not { } low || Number(raise) != low || Number(isBelow.Inputs[1]) is not { } high || low > high) return null;
        return new GradientGate(gradient, x, low, high, [raised, isBelow, inner, isAbove, outer]);
    }

    private static float? Number(Value? value) => value?.Constant is { Count: 1 } number ? (float)number.Item() : null;
}
