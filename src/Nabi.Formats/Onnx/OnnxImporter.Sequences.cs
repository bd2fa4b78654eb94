using System.Collections.Immutable;
using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

// Sequences of tensors exist only while a file is read: what is put in and taken out is known, so they leave values and no nodes.
internal sealed partial class OnnxImporter
{
    private static readonly HashSet<string> SequenceOperators = new(StringComparer.Ordinal)
    {
        "SequenceEmpty", "SequenceConstruct", "SequenceInsert", "SequenceErase", "SequenceAt", "SequenceLength", "SplitToSequence", "ConcatFromSequence",
    };

    /// <summary>Is an operator of the standard domain resolved while reading, so that the graph needs none?</summary>
    public static bool IsResolved(string op) => op is "Constant" or "If" or "Loop" || SequenceOperators.Contains(op);

    private void ImportSequence(NodeProto node, ImportScope scope)
    {
        var output = node.Output[0];
        switch (node.OpType)
        {
            case "SequenceEmpty": scope.DefineSequence(output, []); break;
            case "SequenceConstruct": scope.DefineSequence(output, [.. node.Input.Select(name => Require(name, scope))]); break;
            case "SequenceInsert":
                var before = Sequence(node, scope);
                scope.DefineSequence(output, before.Insert(Position(node, 2, before.Count, before.Count, scope), Require(node.Input[1], scope)));
                break;
            case "SequenceErase":
                var whole = Sequence(node, scope);
                scope.DefineSequence(output, whole.RemoveAt(Position(node, 1, whole.Count - 1, whole.Count - 1, scope)));
                break;
            case "SequenceAt":
                var items = Sequence(node, scope);
                scope.Define(output, items[Position(node, 1, 0, items.Count - 1, scope)]);
                break;
            case "SequenceLength": scope.Define(output, _builder.Constant(Tensor.Scalar((long)Sequence(node, scope).Count), scope.Prefix + output)); break;
            case "SplitToSequence": scope.DefineSequence(output, [.. Splits(node, scope)]); break;
            default: scope.Define(output, Concatenated(node, scope)); break;
        }
    }

    private static ImmutableList<Value> Sequence(NodeProto node, ImportScope scope) =>
        scope.FindSequence(node.Input[0]) ?? throw new NabiException($"it reads '{node.Input[0]}', which is not a sequence known while reading");

    // A constant position; negative counts from the end.
    private static int Position(NodeProto node, int input, int absent, int last, ImportScope scope)
    {
        if (node.Input.Count <= input || node.Input[input].Length == 0) return absent;
        var position = (Require(node.Input[input], scope).Constant ?? throw new NabiException("its position depends on the inputs")).ToInt64()[0];
        var count = node.OpType == "SequenceInsert" ? last : last + 1;
        if (position < 0) position += count;
        return position >= 0 && position <= last ? (int)position : throw new NabiException($"position {position} is outside its sequence of {count}");
    }

    private IReadOnlyList<Value> Splits(NodeProto node, ImportScope scope)
    {
        var data = Require(node.Input[0], scope);
        var axis = data.Shape.Axis(Attribute(node, "axis", 0));
        var size = data.Shape[axis];
        if (size is Shape.Unknown or > MaxNodes) throw new NabiException($"the axis it splits has size {size}, which must be known while reading");
        var given = node.Input.Count > 1 && node.Input[1].Length > 0
            ? Require(node.Input[1], scope).Constant ?? throw new NabiException("where it splits depends on the inputs")
            : null;
        var each = given is null ? 1 : given.Shape.Rank == 0 ? given.ToInt64()[0] : 0;
        if (each < 0 || (given is { Shape.Rank: 0 } && each == 0)) throw new NabiException($"it splits into parts of {each}");
        long[] parts = each == 0 ? given!.ToInt64() : [.. Enumerable.Range(0, (int)((size + each - 1) / each)).Select(i => Math.Min(each, size - i * each))];
        var split = Operator("Split", ("axis", (long)axis));
        var values = _builder.ApplyAll(split, parts.Length, data, _builder.Integers(parts));
        return given is not null || Attribute(node, "keepdims", 1) != 0
            ? values
            : [.. values.Select(v => _builder.Apply(Operator("Squeeze"), v, _builder.Integers(axis)))];
    }

    private Value Concatenated(NodeProto node, ImportScope scope)
    {
        var axis = Attribute(node, "axis", 0);
        var items = Sequence(node, scope);
        if (items.Count == 0) throw new NabiException("its sequence is empty");
        return Attribute(node, "new_axis", 0) != 0 ? Stacked(items, axis) : _builder.Apply(Operator("Concat", ("axis", axis)), [.. items]);
    }

    private Value Stacked(IReadOnlyList<Value> items, long axis) =>
        _builder.Apply(Operator("Concat", ("axis", axis)), [.. items.Select(v => _builder.Apply(Operator("Unsqueeze"), v, _builder.Integers(axis)))]);

    private static Op Operator(string name, params ReadOnlySpan<(string Key, long Value)> attributes)
    {
        var plain = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var (key, value) in attributes) plain[key] = value;
        return (OpCatalog.Find("", name) ?? throw new NabiException($"it needs the operator {name}")).Create(plain);
    }

    private static long Attribute(NodeProto node, string name, long absent)
    {
        foreach (var attribute in node.Attribute)
            if (attribute.Name == name) return attribute.I;
        return absent;
    }
}
