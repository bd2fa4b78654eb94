namespace Nabi;

/// <summary>What an operator may ask while its outputs' types are inferred.</summary>
public sealed class InferContext
{
    private readonly IReadOnlyList<Value?> _inputs;

    internal InferContext(Op op, string nodeName, IReadOnlyList<Value?> inputs, int outputCount)
    {
        (Op, NodeName, _inputs, OutputCount) = (op, nodeName, inputs, outputCount);
    }

    /// <summary>The operator asked.</summary>
    public Op Op { get; }

    /// <summary>The node's name, for messages.</summary>
    public string NodeName { get; }

    /// <summary>Inputs given, including absent optional ones in between.</summary>
    public int InputCount => _inputs.Count;

    /// <summary>How many outputs the node has; operators with optional outputs must return at least as many types.</summary>
    public int OutputCount { get; }

    /// <summary>Is input <paramref name="index"/> there?</summary>
    public bool Has(int index) => index < _inputs.Count && _inputs[index] is not null;

    /// <summary>Type of a required input.</summary>
    /// <exception cref="NabiException">It is absent.</exception>
    public TensorType Input(int index) => Optional(index) ?? throw Fail($"input {index} is missing");

    /// <summary>Shape of a required input.</summary>
    public Shape Shape(int index) => Input(index).Shape;

    /// <summary>Type of an input, or null when absent.</summary>
    public TensorType? Optional(int index) => Has(index) ? _inputs[index]!.Type : null;

    /// <summary>The value of an input when it is a constant, else null.</summary>
    public Tensor? Constant(int index) => Has(index) ? _inputs[index]!.Constant : null;

    /// <summary>The integers of a constant input (axes, shapes, pads), else null.</summary>
    public long[]? Integers(int index) => Constant(index)?.ToInt64();

    /// <summary>
    /// The shape that a required integer input gives: its numbers when it is constant; otherwise unknown dimensions, as many as it
    /// has elements; <see cref="Nabi.Shape.Unranked"/> when not even that is known.
    /// </summary>
    public Shape Target(int index)
    {
        if (Integers(index) is { } numbers) return Nabi.Shape.From(numbers);
        var length = RequireRank(index, 1, 1)[0];
        return length == Nabi.Shape.Unknown ? Nabi.Shape.Unranked : Nabi.Shape.OfRank(length);
    }

    /// <summary>Requires a rank.</summary>
    public Shape RequireRank(int index, int atLeast, int atMost = int.MaxValue)
    {
        var shape = Shape(index);
        return shape.Rank >= atLeast && shape.Rank <= atMost
            ? shape
            : throw Fail($"input {index} has shape {shape}, but rank {(atMost == atLeast ? atLeast : atMost == int.MaxValue ? $"{atLeast} or more" : $"{atLeast} to {atMost}")} is needed");
    }

    /// <summary>The failure that names node and operator; <paramref name="what"/> is a clause without a full stop.</summary>
    public NabiException Fail(string what) => new($"Node '{NodeName}' ({Op.Name}): {what}.");
}
