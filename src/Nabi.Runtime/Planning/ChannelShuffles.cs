using Nabi.Ops;

namespace Nabi.Runtime.Planning;

/// <summary>
/// Writes a channel shuffle (images [N, C, ...] seen as [N, a, b, ...], transposed to [N, b, a, ...], seen as [N, C, ...]) as one Gather, which
/// reorders the channels of an image where it lies.
/// </summary>
internal static class ChannelShuffles
{
    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("gather shuffled channels", graph => graph.Rewrite((node, r) =>
    {
        if (node is not { Op: Reshape, Inputs: [{ UseCount: 1, Producer: { Op: Transpose transpose } swap }, ..] }) return null;
        if (swap.Inputs[0] is not { UseCount: 1, Producer: { Op: Reshape } split } parts || split.Inputs[0] is not { DType: DType.Float32 } x) return null;
        if (!IsShuffle(x.Shape, parts.Shape, transpose.Permutation(parts.Shape.Rank), node.Output.Shape)) return null;
        var (groups, size) = (parts.Shape[1], parts.Shape[2]);
        var channels = new long[groups * size];
        for (var i = 0; i < channels.Length; i++) channels[i] = i % groups * size + i / groups;
        return r.Builder.ApplyNamed(new Gather { Axis = 1 }, node.Name, 1, [r[x], r.Builder.Integers(channels)], [node.Output.Name]);
    }));

    private static bool IsShuffle(Shape x, Shape parts, int[] perm, Shape y)
    {
        if (!x.IsKnown || x.Rank < 3 || parts.Rank != x.Rank + 1 || !y.Equals(x) || parts[0] != x[0] || parts[1] * parts[2] != x[1]) return false;
        for (var i = 0; i < perm.Length; i++)
            if (perm[i] != (i == 1 ? 2 : i == 2 ? 1 : i)) return false;
        return parts.Dims[3..].SequenceEqual(x.Dims[2..]);
    }
}
