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
        if (swap.Inputs[0] is not { UseCount: 1, Producer: { Op: Reshape } split } parts || split.Inputs[0] is not { DType: DType.Float32 or DType.Int8 or DType.UInt8 } x) return null;
        if (!IsShuffle(x.Shape, parts.Shape, transpose.Permutation(parts.Shape.Rank), node.Output.Shape)) return null;
        var (groups, size) = (parts.Shape[1], parts.Shape[2]);
        var channels = new long[groups * size];
        for (var i = 0; i < channels.Length; i++) channels[i] = i % groups * size + i / groups;
        return r.Builder.ApplyNamed(new Gather { Axis = 1 }, node.Name, 1, [r[x], r.Builder.Integers(channels)], [node.Output.Name]);
    }));

    /// <summary>The concatenation of two images of equal channels whose only reader is this node, which gathers their channels in turn; else null.</summary>
    public static Node? JoinedBy(Node gather)
    {
        if (gather is not { Op: Gather { Axis: 1 }, Inputs: [{ UseCount: 1, IsOutput: false, DType: DType.Float32 or DType.Int8 or DType.UInt8, Producer: { Op: Concat { Axis: 1 } } join }, { IsUpdated: false, Data: { } data }] }) return null;
        if (join.Inputs is not [{ } a, { } b] || a.Shape.Rank < 3 || !a.Shape.Equals(b.Shape) || !gather.Output.Shape.Equals(join.Output.Shape)) return null;
        var (channels, half) = (data.ToInt64(), a.Shape[1]);
        for (var i = 0; i < channels.Length; i++)
            if (channels[i] != (i % 2 * half) + (i / 2)) return null;
        return gather.Output.Shape.Count > 0 ? join : null;
    }

    private static bool IsShuffle(Shape x, Shape parts, int[] perm, Shape y)
    {
        if (!x.IsKnown || x.Rank < 3 || parts.Rank != x.Rank + 1 || !y.Equals(x) || parts[0] != x[0] || parts[1] * parts[2] != x[1]) return false;
        for (var i = 0; i < perm.Length; i++)
            if (perm[i] != (i == 1 ? 2 : i == 2 ? 1 : i)) return false;
        return parts.Dims[3..].SequenceEqual(x.Dims[2..]);
    }
}
