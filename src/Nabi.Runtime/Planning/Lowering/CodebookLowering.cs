using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Shared weights become floats (once, where the centroids are constant), and gradients of weights become gradients of centroids.</summary>
internal static unsafe class CodebookLowering
{
    public static void AddTo(Dictionary<Type, Lowering> table)
    {
        table[typeof(Codebook)] = (g, p) => LowerLookup(g[0], (Codebook)g[0].Op, p);
        table[typeof(CodebookGradient)] = (g, p) => LowerSums(g[0], (CodebookGradient)g[0].Op, p);
    }

    private static bool LowerLookup(Node node, Codebook op, Planner planner)
    {
        if (node.Output.DType != DType.Float32) return false;
        var (indices, centroids, output) = (planner.Read(node.Inputs[0]!), planner.Read(node.Inputs[1]!), planner.Define(node.Output));
        var (clusters, first, count) = (node.Inputs[1]!.Shape.Count, op.HasZero ? 1 : 0, node.Output.Shape.Count);
        planner.Emit(new Step(node.Name, "codebook.look", [indices, centroids], [output], c =>
            CodebookTable.Look(c.Pool, indices.Address, centroids.Floats, clusters, first, output.Floats, count)));
        return true;
    }

    private static bool LowerSums(Node node, CodebookGradient op, Planner planner)
    {
        if (node.Output.DType != DType.Float32) return false;
        var (indices, grad, output) = (planner.Read(node.Inputs[0]!), planner.Read(node.Inputs[1]!), planner.Define(node.Output));
        var (first, count) = (op.HasZero ? 1 : 0, node.Inputs[0]!.Shape.Count);
        planner.Emit(new Step(node.Name, "codebook.sums", [indices, grad], [output], _ =>
            CodebookTable.Sum(indices.Address, grad.Floats, count, first, output.Floats, op.Centroids)));
        return true;
    }
}
