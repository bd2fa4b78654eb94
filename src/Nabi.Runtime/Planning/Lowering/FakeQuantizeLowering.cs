using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Fake quantization and its gradients as elementwise programs: v = x / scale, rounded and limited; the scale's gradient is summed afterwards.</summary>
internal static class FakeQuantizeLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table) => table[typeof(FakeQuantizeGradient)] = (g, p) => g.Count == 1 && LowerGradients(g[0], p);

    /// <summary>Is the node a fake quantization, or its gradient without the scale's, with one zero point that is known?</summary>
    public static bool IsElementwise(Node node) => Takes(node) && (node.Op is FakeQuantize || node.Outputs.Skip(1).All(o => o.UseCount == 0));

    /// <summary>Does a fake quantization or its gradient read this value as its scale, which must be there as a whole before?</summary>
    public static bool ReadsAsScale(Node node, Value value) => node.Op switch
    {
        FakeQuantize => node.Inputs[1] == value,
        FakeQuantizeGradient => node.Inputs[2] == value,
        _ => false,
    };

    /// <summary>limit(round(x / scale)) scale.</summary>
    public static int Forward(Node node, ElementExpression e)
    {
        var (low, high) = Limits(node);
        var scale = e.Along(node.Inputs[1]!, AxisOf(node));
        var rounded = e.Apply(new Unary(UnaryKind.Round), e.Apply(ElementKind.Divide, e[node.Inputs[0]!], scale));
        return e.Apply(ElementKind.Multiply, e.Apply(Unary.Clip(low, high), rounded), scale);
    }

    /// <summary>dY where v lies inside the limits, else 0.</summary>
    public static int ToData(Node node, ElementExpression e)
    {
        var (_, inside) = Inside(node, e);
        return e.Apply(ElementKind.Select, inside, e[node.Inputs[1]!], e.Number(0));
    }

    // dScale = sum of dY times round(v) - v inside, the limit outside: clip(round(v)) - v where inside, else clip(v).
    private static bool LowerGradients(Node node, Planner planner)
    {
        if (!Takes(node)) return false;
        var toData = new ElementExpression();
        var ofData = toData.Finish(ToData(node, toData));
        var toScale = new ElementExpression();
        var (v, inside) = Inside(node, toScale);
        var (low, high) = Limits(node);
        var error = toScale.Apply(ElementKind.Subtract, toScale.Apply(new Unary(UnaryKind.Round), v), v);
        var factor = toScale.Apply(ElementKind.Select, inside, error, toScale.Apply(Unary.Clip(low, high), v));
        var ofScale = toScale.Finish(toScale.Apply(ElementKind.Multiply, toScale[node.Inputs[1]!], factor));
        var data = node.Inputs[0]!;
        if (!ElementwiseLowering.Fits(toScale, ofScale, data.Shape)) return false;
        var layout = ElementwiseLowering.ChooseLayout(node.Outputs[0], toData, planner);
        var terms = new Slot($"{node.Name}.terms", data.Type, layout, SlotHome.Arena);
        ElementwiseLowering.Emit(node.Name, "elementwise[FakeQuantizeGradient.terms]", toScale, ofScale, terms, planner);
        var reduced = new bool[data.Shape.Rank];
        var isPerTensor = node.Inputs[2]!.Shape.Count == 1;
        for (var axis = 0; axis < reduced.Length; axis++) reduced[axis] = isPerTensor || axis != AxisOf(node);
        ReductionLowering.Sum(node.Name, terms, planner.Define(node.Outputs[1]), reduced, planner);
        ElementwiseLowering.Emit(node.Name, "elementwise[FakeQuantizeGradient]", toData, ofData, planner.Define(node.Outputs[0], layout), planner);
        return true;
    }

    private static (int V, int Inside) Inside(Node node, ElementExpression e)
    {
        var (low, high) = Limits(node);
        var v = e.Apply(ElementKind.Divide, e[node.Inputs[0]!], e.Along(node.Inputs[2]!, AxisOf(node)));
        return (v, e.Apply(ElementKind.Multiply, e.Apply(ElementKind.Less, e.Number(low), v), e.Apply(ElementKind.Less, v, e.Number(high))));
    }

    private static bool Takes(Node node)
    {
        var scale = node.Inputs[node.Op is FakeQuantize ? 1 : 2]!;
        var (data, zero) = (node.Inputs[0]!, ZeroOf(node));
        return data.DType == DType.Float32 && scale.DType == DType.Float32 && data.Shape is { Rank: > 0, Count: > 0 } && scale.Shape.Rank <= 1
            && (node.Op is FakeQuantize || node.Inputs[1]!.DType == DType.Float32)
            && (zero is null || (zero is { IsUpdated: false, Data: { Count: > 0 } numbers } && !numbers.ToInt64().AsSpan().ContainsAnyExcept(numbers.ToInt64()[0])));
    }

    private static Value? ZeroOf(Node node)
    {
        var index = node.Op is FakeQuantize ? 2 : 3;
        return node.Inputs.Count > index ? node.Inputs[index] : null;
    }

    private static long Zero(Node node) => ZeroOf(node)?.Data!.ToInt64()[0] ?? 0;

    private static int AxisOf(Node node) => node.Op is FakeQuantize forward
        ? Axis(forward.Axis, node.Inputs[1]!, node.Inputs[0]!.Shape)
        : Axis(((FakeQuantizeGradient)node.Op).Axis, node.Inputs[2]!, node.Inputs[0]!.Shape);

    // The axis of a single scale means nothing and may not exist.
    private static int Axis(int axis, Value scale, Shape data) => scale.Shape.Count == 1 ? 0 : data.Axis(axis);

    private static (float Low, float High) Limits(Node node) => node.Op switch
    {
        FakeQuantize forward => (forward.QMin - Zero(node), forward.QMax - Zero(node)),
        _ => (((FakeQuantizeGradient)node.Op).QMin - Zero(node), ((FakeQuantizeGradient)node.Op).QMax - Zero(node)),
    };
}
