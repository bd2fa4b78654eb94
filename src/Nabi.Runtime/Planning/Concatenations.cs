using Nabi.Ops;
using Nabi.Runtime.Planning.Lowering;

namespace Nabi.Runtime.Planning;

/// <summary>Values whose only reader joins them, along the channels, to others: their place in the result, where a kernel can write them directly.</summary>
internal sealed class Concatenations
{
    private readonly Dictionary<Value, (Value Whole, int Channel)> _places = [];

    private Concatenations() { }

    /// <summary>No value has a place.</summary>
    public static Concatenations None { get; } = new();

    /// <summary>Finds the places.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="fusion">Concatenations that are done together with something else are left alone.</param>
    /// <param name="wishes">Only what is wanted channels-last has places.</param>
    public static Concatenations Of(Graph graph, Fusion fusion, HashSet<Value> wishes)
    {
        var found = new Concatenations();
        foreach (var node in graph.Nodes)
        {
            if (node.Op is not Concat concat || fusion.GroupOf(node) is not { Count: 1 }) continue;
            if (ShapeLowering.CanConcatenate(node.Output) && wishes.Contains(node.Output) && node.Output.DType == DType.Float32) found.Add(node, concat);
        }
        return found;
    }

    /// <summary>The concatenation a value belongs into and its first channel there, or null.</summary>
    public (Value Whole, int Channel)? PlaceOf(Value value) => _places.TryGetValue(value, out var place) ? place : null;

    private void Add(Node node, Concat concat)
    {
        var whole = node.Output;
        if (whole.Shape.Axis(concat.Axis) != 1 || Layouts.AreSame(whole.Shape)) return;
        var channel = 0;
        foreach (var input in node.Inputs)
        {
            if (input is { UseCount: 1, IsOutput: false, Data: null }) _places[input] = (whole, channel);
            channel += input!.Shape[1];
        }
    }
}
