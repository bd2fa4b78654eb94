namespace Nabi;

/// <summary>An operator applied to values.</summary>
public sealed class Node
{
    private Value[] _outputs = [];

    internal Node(string name, Op op, IReadOnlyList<Value?> inputs)
    {
        (Name, Op, Inputs) = (name, op, inputs);
    }

    /// <summary>Unique in its graph.</summary>
    public string Name { get; }

    /// <summary>The operator.</summary>
    public Op Op { get; }

    /// <summary>The inputs; null where an optional input is absent.</summary>
    public IReadOnlyList<Value?> Inputs { get; }

    /// <summary>The outputs.</summary>
    public IReadOnlyList<Value> Outputs => _outputs;

    /// <summary>The first output: the only one of most operators.</summary>
    public Value Output => _outputs[0];

    /// <summary>Multiply-accumulates, operations and memory traffic of one run. Shapes must be known.</summary>
    public Cost Cost => Op.CostOf(new CostContext(this));

    /// <inheritdoc/>
    public override string ToString() =>
        $"{string.Join(", ", _outputs.Select(v => v.ToString()))} = {Op.Name}({string.Join(", ", Inputs.Select(v => v is null ? "_" : $"%{v.Name}"))})";

    internal void SetOutputs(Value[] outputs) => _outputs = outputs;
}
