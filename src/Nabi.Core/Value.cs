namespace Nabi;

/// <summary>
/// One value of a graph: an input, a parameter (or constant), or an output of a node. Values belong to exactly one graph.
/// </summary>
public sealed class Value
{
    private readonly List<Node> _users = [];

    internal Value(string name, TensorType type, Node? producer = null, int index = 0, Tensor? data = null, bool isTrainable = false)
    {
        (Name, Type, Producer, Index, Data, IsTrainable) = (name, type, producer, index, data, isTrainable);
    }

    /// <summary>Unique in its graph.</summary>
    public string Name { get; }

    /// <summary>Element type and shape.</summary>
    public TensorType Type { get; }

    /// <summary>Shape.</summary>
    public Shape Shape => Type.Shape;

    /// <summary>Element type.</summary>
    public DType DType => Type.DType;

    /// <summary>The node that makes it, or null for inputs and parameters.</summary>
    public Node? Producer { get; }

    /// <summary>Which output of <see cref="Producer"/> it is.</summary>
    public int Index { get; }

    /// <summary>The tensor of a parameter or constant, else null.</summary>
    public Tensor? Data { get; }

    /// <summary>Is it a parameter that training changes? Such values are never folded.</summary>
    public bool IsTrainable { get; }

    /// <summary>Does it hold learned numbers: a parameter that training changes, or weights stored in fewer bits?</summary>
    public bool IsLearned => IsTrainable || DType is DType.Int8 or DType.Int4 or DType.Int16
        || (DType == DType.UInt8 && Data is not null && _users.Exists(n => n.Op is Ops.Codebook && n.Inputs[0] == this));

    /// <summary>The tensor of a parameter that never changes, else null.</summary>
    public Tensor? Constant => IsTrainable || IsUpdated ? null : Data;

    /// <summary>Is it an input of the graph?</summary>
    public bool IsInput => Producer is null && Data is null;

    /// <summary>The nodes that read it, once per reading input, in graph order.</summary>
    public IReadOnlyList<Node> Users => _users;

    /// <summary>Is it an output of the graph, or what an update writes?</summary>
    public bool IsOutput { get; internal set; }

    /// <summary>Readers, counting the graph's outputs as one: 1 means that only one node reads it and it is not an output.</summary>
    public int UseCount => _users.Count + (IsOutput ? 1 : 0);

    /// <summary>Does the graph write a new tensor to this parameter after each run (see <see cref="Graph.Updates"/>)?</summary>
    public bool IsUpdated { get; internal set; }

    /// <inheritdoc/>
    public override string ToString() => $"%{Name}: {Type}";

    internal void AddUser(Node node) => _users.Add(node);
}
