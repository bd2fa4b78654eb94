using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// Models are often exported for a batch of one sample, with that one written into their reshapes. Training needs batches, and measuring is faster with them.
/// </summary>
internal static class OpenBatch
{
    /// <summary>The model for any batch size; as it is when it already takes any, or when its batch cannot be opened.</summary>
    public static Graph Of(Graph model)
    {
        if (model.Inputs is not [{ Shape.IsRanked: true } input] || input.Shape.Rank == 0 || input.Shape[0] == Shape.Unknown) return model;
        try
        {
            var rewriter = new Rewriter(model, i => i.Shape.With(0, Shape.Unknown));
            foreach (var node in model.Nodes)
                rewriter.Visit(node, Target(node, input.Shape[0]) is { } target
                    ? rewriter.Builder.ApplyNamed(node.Op, node.Name, 1, [rewriter.Map(node.Inputs[0]), rewriter.Builder.Integers(target)], [node.Output.Name])
                    : null);
            var open = rewriter.Finish();
            return open.Outputs.All(o => o.Value.Shape is { IsRanked: true, Rank: > 0 } shape && shape[0] == Shape.Unknown) ? open : model;
        }
        catch (NabiException)
        {
            return model;
        }
    }

    // The opened target of a reshape that keeps the samples apart: its first dimension is the batch, the rest is one sample.
    private static long[]? Target(Node node, int batch)
    {
        if (node is not { Op: Reshape, Inputs: [{ Data: null, Shape: { IsKnown: true, Rank: > 0 } from }, { Constant: { } constant }] }) return null;
        var target = constant.ToInt64();
        if (from[0] != batch || target.Length == 0 || target[0] != batch || node.Output.Shape is not { IsKnown: true } to) return null;
        if (to.CountOf(1, to.Rank) != from.Count / batch) return null;
        for (var i = 1; i < target.Length; i++) target[i] = to[i];
        target[0] = -1;
        return target;
    }
}
