using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Groups of elementwise nodes as one <see cref="ElementProgram"/>.</summary>
internal static unsafe class ElementwiseLowering
{
    /// <summary>Most values read by one group, intermediates included.</summary>
    public const int MaxOperands = 16;

    /// <summary>Lowers nodes in topological order of which the last makes the result.</summary>
    public static bool Lower(IReadOnlyList<Node> group, Planner planner)
    {
        var expression = new ElementExpression();
        foreach (var node in group) ElementRules.Write(node, expression);
        var result = group[^1].Output;
        var instructions = expression.Finish(expression[result]);
        if (!Fits(expression, instructions, result.Shape)) return false;
        var output = planner.Define(result, ChooseLayout(result, expression, planner));
        Emit(string.Join('+', group.Select(n => n.Name)), $"elementwise[{string.Join(',', group.Select(n => n.Op.Name))}]", expression, instructions, output, planner);
        return true;
    }

    /// <summary>Can a program be this long and have this many axes?</summary>
    public static bool Fits(ElementExpression expression, ElementInstruction[] instructions, Shape shape) =>
        expression.Operands.Count <= ElementProgram.MaxLength && instructions.Length <= ElementProgram.MaxLength && shape.Rank <= ElementProgram.MaxRank;

    /// <summary>Emits the step that writes an expression to a slot, in the slot's layout.</summary>
    public static void Emit(string name, string kernel, ElementExpression expression, ElementInstruction[] instructions, Slot output, Planner planner)
    {
        var shape = output.Shape;
        var order = Layouts.Order(shape.Rank, output.Layout);
        var slots = new Slot[expression.Operands.Count];
        var operands = new ElementOperand[slots.Length];
        for (var i = 0; i < slots.Length; i++)
        {
            var (value, axis, number) = expression.Operands[i];
            slots[i] = value is null ? planner.Constant("number", Tensor.Scalar(number))
                : value.Shape.Equals(shape) ? planner.Read(value, output.Layout) : planner.ReadAny(value);
            operands[i] = new ElementOperand
            {
                Strides = axis is { } along ? AxisStrides(slots[i], along, order) : BroadcastStrides(slots[i], shape.Rank, order),
                IsByte = slots[i].DType == DType.Bool,
            };
        }
        var program = new ElementProgram(Array.ConvertAll(order, a => shape[a]), operands, instructions, output.DType == DType.Bool);
        var addresses = new nint[slots.Length];
        planner.Emit(new Step(name, kernel, slots, [output], context =>
        {
            for (var i = 0; i < slots.Length; i++) addresses[i] = (nint)slots[i].Address;
            program.Run(context.Pool, addresses, output.Address);
        })
        {
            InPlace = [.. slots.Where(s => s.Shape.Equals(shape) && s.DType == output.DType).Select(s => (0, s))],
        });
    }

    private static long[] AxisStrides(Slot vector, int axis, int[] order) => Array.ConvertAll(order, a => a == axis && vector.Shape.Count > 1 ? 1L : 0L);

    /// <summary>Strides of a broadcast operand along the axes of the result, in the order the result lies in memory.</summary>
    private static long[] BroadcastStrides(Slot slot, int rank, int[] order)
    {
        var own = Layouts.Strides(slot.Shape, slot.Layout);
        var lead = rank - slot.Shape.Rank;
        return Array.ConvertAll(order, axis => axis < lead || slot.Shape[axis - lead] == 1 ? 0 : own[axis - lead]);
    }

    /// <summary>The layout in which fewer operands must be converted; channels-last when it makes no difference and one lies so.</summary>
    public static Layout ChooseLayout(Value result, ElementExpression expression, Planner planner)
    {
        if (Layouts.AreSame(result.Shape)) return Layout.RowMajor;
        var (channelsLast, rowMajor) = (0, 0);
        foreach (var (operand, _, _) in expression.Operands)
        {
            if (operand is null || !operand.Shape.Equals(result.Shape) || operand.Data is not null) continue;
            if (planner.IsChannelsLast(operand)) channelsLast++;
            else if (!planner.HasChannelsLast(operand)) rowMajor++;
        }
        if (channelsLast + rowMajor == 0) return planner.Wishes.Contains(result) ? Layout.ChannelsLast : Layout.RowMajor;
        return channelsLast > 0 && channelsLast >= rowMajor ? Layout.ChannelsLast : Layout.RowMajor;
    }
}
