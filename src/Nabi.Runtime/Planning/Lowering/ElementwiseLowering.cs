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
        var operands = expression.Operands.ToArray();
        var instructions = expression.Finish(expression[result]);
        if (operands.Length > ElementProgram.MaxLength || instructions.Length > ElementProgram.MaxLength || result.Shape.Rank > ElementProgram.MaxRank) return false;
        var layout = ChooseLayout(result, operands, planner);
        var slots = Array.ConvertAll(operands, v => v.Shape.Equals(result.Shape) ? planner.Read(v, layout) : planner.ReadAny(v));
        var order = Layouts.Order(result.Shape.Rank, layout);
        var program = new ElementProgram(
            Array.ConvertAll(order, a => result.Shape[a]),
            Array.ConvertAll(slots, s => new ElementOperand { Strides = BroadcastStrides(s, result.Shape.Rank, order), IsByte = s.DType == DType.Bool }),
            instructions, result.DType == DType.Bool);
        var output = planner.Define(result, layout);
        var addresses = new nint[slots.Length];
        planner.Emit(new Step(string.Join('+', group.Select(n => n.Name)), $"elementwise[{string.Join(',', group.Select(n => n.Op.Name))}]", slots, [output], context =>
        {
            for (var i = 0; i < slots.Length; i++) addresses[i] = (nint)slots[i].Address;
            program.Run(context.Pool, addresses, output.Address);
        })
        {
            InPlace = [.. slots.Where(s => s.Shape.Equals(result.Shape) && s.DType == result.DType).Select(s => (0, s))],
        });
        return true;
    }

    /// <summary>Strides of a broadcast operand along the axes of the result, in the order the result lies in memory.</summary>
    private static long[] BroadcastStrides(Slot slot, int rank, int[] order)
    {
        var own = Layouts.Strides(slot.Shape, slot.Layout);
        var lead = rank - slot.Shape.Rank;
        return Array.ConvertAll(order, axis => axis < lead || slot.Shape[axis - lead] == 1 ? 0 : own[axis - lead]);
    }

    // The layout in which fewer operands must be converted; channels-last when it makes no difference and one lies so.
    private static Layout ChooseLayout(Value result, Value[] operands, Planner planner)
    {
        if (Layouts.AreSame(result.Shape)) return Layout.RowMajor;
        var (channelsLast, rowMajor) = (0, 0);
        foreach (var operand in operands)
        {
            if (!operand.Shape.Equals(result.Shape) || operand.Data is not null) continue;
            if (planner.IsChannelsLast(operand)) channelsLast++;
            else if (!planner.HasChannelsLast(operand)) rowMajor++;
        }
        if (channelsLast + rowMajor == 0) return planner.Wishes.Contains(result) ? Layout.ChannelsLast : Layout.RowMajor;
        return channelsLast > 0 && channelsLast >= rowMajor ? Layout.ChannelsLast : Layout.RowMajor;
    }
}
