using Nabi.Ops;

namespace Nabi.Compression;

/// <summary>Where a layer keeps its weight: the node's input index, the axis of its outputs and the axis that is summed over.</summary>
/// <param name="Input">Index of the weight among the node's inputs.</param>
/// <param name="OutputAxis">One filter or row of outputs per element.</param>
/// <param name="InputAxis">The axis summed over against the input's channels.</param>
public readonly record struct WeightAxes(int Input, int OutputAxis, int InputAxis)
{
    /// <summary>The axes of a node's weight, or null when the node is no layer with a weight of its own.</summary>
    public static WeightAxes? Of(Node node) => node.Op switch
    {
        Conv when node.Inputs[1]?.Data is not null => new WeightAxes(1, 0, 1),
        ConvTranspose { Group: 1 } when node.Inputs[1]?.Data is not null => new WeightAxes(1, 1, 0),
        Gemm { TransA: false } gemm when node.Inputs[1]?.Data is not null => gemm.TransB ? new WeightAxes(1, 0, 1) : new WeightAxes(1, 1, 0),
        MatMul when node.Inputs[1]?.Data is { Shape.Rank: 2 } => new WeightAxes(1, 1, 0),
        _ => null,
    };

    /// <summary>The layers of a graph and their weights, each weight once.</summary>
    public static IEnumerable<(Node Node, Value Weight, WeightAxes Axes)> Layers(Graph graph)
    {
        var seen = new HashSet<Value>();
        foreach (var node in graph.Nodes)
            if (Of(node) is { } axes && node.Inputs[axes.Input] is { } weight && seen.Add(weight)) yield return (node, weight, axes);
    }
}
