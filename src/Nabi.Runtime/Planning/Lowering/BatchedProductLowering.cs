using Nabi.Ops;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Planning.Lowering;

/// <summary>Products of many matrices with as many others: attention. Transposed ones are read as they are stored.</summary>
internal static unsafe class BatchedProductLowering
{
    /// <summary>Does the node only swap the rows and columns of matrices that batched products read? Then it need not run.</summary>
    public static bool ReadsBehind(Node node)
    {
        if (!IsSwap(node) || node.Output.IsOutput || node.Output.Users.Count == 0) return false;
        foreach (var user in node.Output.Users)
            if (user is not { Op: MatMul, Output.DType: DType.Float32 } || user.Inputs[1]!.Shape.Rank <= 2 || (IsBehind(user.Inputs[0]!) && IsBehind(user.Inputs[1]!))) return false;
        return true;
    }

    /// <summary>Emits the products of every pair of matrices.</summary>
    /// <param name="node">A MatMul whose right side has leading axes.</param>
    /// <param name="planner">The plan.</param>
    /// <param name="shape">The shape of one product.</param>
    /// <param name="a">Shape of the left side, at least a matrix.</param>
    /// <param name="b">Shape of the right side, at least a matrix.</param>
    public static void Emit(Node node, Planner planner, ProductShape shape, Shape a, Shape b)
    {
        var (left, right) = (node.Inputs[0]!, node.Inputs[1]!);
        var (m, n, k) = shape;
        // No kernel takes both sides transposed.
        var (turnsLeft, turnsRight) = (IsBehind(left) && !IsBehind(right), IsBehind(right) && !IsBehind(left));
        var (x, y) = (planner.Read(turnsLeft ? left.Producer!.Inputs[0]! : left), planner.Read(turnsRight ? right.Producer!.Inputs[0]! : right));
        var output = planner.Define(node.Output);
        var product = new BatchedGemm { M = m, N = n, K = k, IsLeftTransposed = turnsLeft, IsRightTransposed = turnsRight };
        var starts = Starts(a, b, (long)m * k, (long)k * n);
        var scratch = Planner.Scratch(node.Name, DType.Float32, product.ScratchSize(planner.Options.Threads, starts.Length / 2));
        planner.Emit(new Step(node.Name, $"gemm.batched{(turnsLeft ? ".at" : "")}{(turnsRight ? ".bt" : "")}", [x, y], [output],
            c => product.Run(c.Pool, starts, x.Floats, y.Floats, output.Floats, scratch.Floats))
        {
            Macs = (long)(starts.Length / 2) * m * n * k,
            Scratch = [scratch],
        });
    }

    private static bool IsBehind(Value value) => value.Producer is { } producer && IsSwap(producer);

    private static bool IsSwap(Node node)
    {
        if (node.Op is not Transpose op || node.Output.DType != DType.Float32 || node.Output.Shape.Rank < 3) return false;
        var perm = op.Permutation(node.Output.Shape.Rank);
        for (var i = 0; i < perm.Length - 2; i++)
            if (perm[i] != i) return false;
        return perm[^1] == perm.Length - 2;
    }

    // Where the two matrices of every product start, one pair after the other.
    private static long[] Starts(Shape a, Shape b, long sizeA, long sizeB)
    {
        var (leadA, leadB) = (Shape.Create(a.Dims[..^2]), Shape.Create(b.Dims[..^2]));
        var lead = Shape.Broadcast(leadA, leadB);
        var starts = GC.AllocateUninitializedArray<long>(2 * lead.Count, pinned: true);
        for (var i = 0; i < lead.Count; i++) (starts[2 * i], starts[(2 * i) + 1]) = (Offset(i, lead, leadA) * sizeA, Offset(i, lead, leadB) * sizeB);
        return starts;
    }

    private static long Offset(int index, Shape lead, Shape own)
    {
        long offset = 0, stride = 1;
        for (var i = 1; i <= lead.Rank; i++)
        {
            (index, var at) = Math.DivRem(index, lead[lead.Rank - i]);
            if (i > own.Rank) continue;
            if (own[own.Rank - i] != 1) offset += at * stride;
            stride *= own[own.Rank - i];
        }
        return offset;
    }
}
