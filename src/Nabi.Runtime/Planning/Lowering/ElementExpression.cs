using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Where an operand of an <see cref="ElementExpression"/> comes from: a value, broadcast from the right as ONNX does or along one axis, or a number.</summary>
/// <param name="Value">The value, or null for a number.</param>
/// <param name="Axis">The axis of the result along which a vector lies; null for broadcasting from the right.</param>
/// <param name="Number">The number.</param>
internal readonly record struct ElementSource(Value? Value, int? Axis = null, float Number = 0);

/// <summary>Elementwise nodes being written as one program: operands are values, intermediates are numbers.</summary>
internal sealed class ElementExpression
{
    // Numbers of instructions start here while the number of operands is not yet known.
    private const int FirstInstruction = 1 << 16;

    private readonly List<ElementInstruction> _instructions = [];
    private readonly Dictionary<Value, int> _intermediates = [];
    private readonly Dictionary<ElementSource, int> _operands = [];

    /// <summary>What is read from memory, in order of first use.</summary>
    public List<ElementSource> Operands { get; } = [];

    /// <summary>The number of a value: an intermediate of the group, else an operand.</summary>
    public int this[Value value] => _intermediates.TryGetValue(value, out var number) ? number : Operand(new ElementSource(value));

    /// <summary>A vector along an axis of the result, or one number.</summary>
    public int Along(Value vector, int axis) => Operand(new ElementSource(vector, axis));

    /// <summary>A constant.</summary>
    public int Number(float number) => Operand(new ElementSource(null, null, number));

    /// <summary>Says which number a node's output has.</summary>
    public void Define(Value value, int number) => _intermediates[value] = number;

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

    private int Operand(ElementSource source)
    {
        if (_operands.TryGetValue(source, out var number)) return number;
        Operands.Add(source);
        return _operands[source] = Operands.Count - 1;
    }

    private int Final(int number) => number >= FirstInstruction ? number - FirstInstruction + Operands.Count : number;
}
