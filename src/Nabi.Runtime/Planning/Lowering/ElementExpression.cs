using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Elementwise nodes being written as one program: operands are values, intermediates are numbers.</summary>
internal sealed class ElementExpression
{
    // Numbers of instructions start here while the number of operands is not yet known.
    private const int FirstInstruction = 1 << 16;

    private readonly List<ElementInstruction> _instructions = [];
    private readonly Dictionary<Value, int> _numbers = [];

    /// <summary>Values read from memory, in order of first use.</summary>
    public List<Value> Operands { get; } = [];

    /// <summary>The number of a value: an intermediate of the group, else an operand.</summary>
    public int this[Value value]
    {
        get
        {
            if (_numbers.TryGetValue(value, out var number)) return number;
            Operands.Add(value);
            return _numbers[value] = Operands.Count - 1;
        }
    }

    /// <summary>Says which number a node's output has.</summary>
    public void Define(Value value, int number) => _numbers[value] = number;

    public int Apply(ElementKind kind, int a, int b = 0, int c = 0)
    {
        _instructions.Add(new ElementInstruction(kind, default, a, b, c));
        return FirstInstruction + _instructions.Count - 1;
    }

    public int Apply(Unary function, int a)
    {
        _instructions.Add(new ElementInstruction(ElementKind.Unary, function, a));
        return FirstInstruction + _instructions.Count - 1;
    }

    /// <summary>The instructions with final numbers; at least one, the last of which makes <paramref name="result"/>.</summary>
    public ElementInstruction[] Finish(int result)
    {
        if (result != FirstInstruction + _instructions.Count - 1) Apply(Unary.Identity, result);
        return [.. _instructions.Select(x => x with { A = Final(x.A), B = Final(x.B), C = Final(x.C) })];
    }

    private int Final(int number) => number >= FirstInstruction ? number - FirstInstruction + Operands.Count : number;
}
