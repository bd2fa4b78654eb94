using Nabi.Ops;

namespace Nabi.Passes;

/// <summary>
/// Removes nodes that change nothing: Identity, Dropout at inference, Cast to the same type, Reshape, Expand, Pad, Slice, Tile, Resize to
/// the same shape, Concat and Split of one, views and transposes that undo each other. Chains of views become one Reshape, of transposes
/// one Transpose.
/// </summary>
public static class RemoveIdentity
{
    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("remove identities", graph => graph.Rewrite(Simplify));

    private static IReadOnlyList<Value>? Simplify(Node node, Rewriter r)
    {
        if (node.Inputs.Count == 0 || r.Map(node.Inputs[0]) is not { } x) return null;
        if (IsIdentity(node, x, r)) return [x];
        return node.Op switch
        {
            Transpose transpose => Composed(node, transpose, x, r),
            Reshape or Flatten or Squeeze or Unsqueeze => Shortened(node, x, r),
            _ => null,
        };
    }

    private static bool IsIdentity(Node node, Value x, Rewriter r) => node.Op switch
    {
        Identity => true,
        Dropout => IsInactiveDropout(node, r),
        Cast cast => cast.To == x.DType,
        Concat or Split => node.Inputs.Count(v => v is not null) == (node.Op is Split && node.Inputs.Count > 1 ? 2 : 1) && node.Outputs.Count == 1,
        Transpose transpose => x.Shape.IsRanked && IsSorted(transpose.Permutation(x.Shape.Rank)),
        Expand => Numbers(node, 1, r) is not null && HasTheSameElements(x, Retyped(node, r)),
        Reshape or Flatten or Squeeze => HasTheSameElements(x, Retyped(node, r)),
        Pad => Numbers(node, 1, r) is { } pads && Array.TrueForAll(pads, p => p == 0),
        Tile => Numbers(node, 1, r) is { } repeats && Array.TrueForAll(repeats, n => n == 1),
        Slice => TakesAll(node, r),
        Resize { CoordinateTransformationMode: not "tf_crop_and_resize" } => IsFullSize(node, x, r),
        _ => false,
    };

    // As many elements: if all dimensions but one are equal, that one is too.
    private static bool HasTheSameElements(Value x, Shape to) => x.Shape.Equals(to) && (to.IsKnown || HasOneOpenDimension(to));

    private static bool HasOneOpenDimension(Shape shape)
    {
        if (!shape.IsRanked) return false;
        var unknown = 0;
        foreach (var dim in shape.Dims)
        {
            if (dim == 0) return false;
            if (dim == Shape.Unknown) unknown++;
        }
        return unknown == 1;
    }

    private static bool IsInactiveDropout(Node node, Rewriter r) =>
        (node.Inputs.Count < 3 || node.Inputs[2] is null || r.Map(node.Inputs[2])!.Constant is { } training && training.Item() == 0)
        && node.Outputs.Skip(1).All(o => o.UseCount == 0);

    private static bool TakesAll(Node node, Rewriter r)
    {
        if (Numbers(node, 1, r) is not { } starts || Numbers(node, 2, r) is not { } ends) return false;
        if (node.Inputs.Count > 4 && node.Inputs[4] is not null && !(Numbers(node, 4, r) is { } steps && Array.TrueForAll(steps, s => s == 1))) return false;
        var shape = r[node.Inputs[0]!].Shape;
        if (Array.TrueForAll(starts, s => s == 0) && Array.TrueForAll(ends, e => e >= int.MaxValue)) return true;
        return shape.IsKnown && Retyped(node, r).Equals(shape);
    }

    private static bool IsFullSize(Node node, Value x, Rewriter r)
    {
        if (node.Inputs.Count > 2 && node.Inputs[2] is { } scales && r[scales].Constant is { Count: > 0 } given)
            return Array.TrueForAll(given.ToSingle(), s => s == 1);
        return x.Shape.IsKnown && Retyped(node, r).Equals(x.Shape);
    }

    private static IReadOnlyList<Value>? Composed(Node node, Transpose outer, Value x, Rewriter r)
    {
        if (x.Producer is not { Op: Transpose inner } before || !x.Shape.IsRanked) return null;
        var first = inner.Permutation(x.Shape.Rank);
        var perm = Array.ConvertAll(outer.Permutation(x.Shape.Rank), axis => first[axis]);
        if (IsSorted(perm)) return [before.Inputs[0]!];
        return r.Builder.ApplyNamed(new Transpose { Perm = perm }, node.Name, 1, [before.Inputs[0]], [node.Output.Name]);
    }

    // A view of a view reads the first one's input: the row-major order of the elements is the same.
    private static IReadOnlyList<Value>? Shortened(Node node, Value x, Rewriter r)
    {
        var source = x;
        while (source.Producer is { Op: Reshape or Flatten or Squeeze or Unsqueeze } before) source = before.Inputs[0]!;
        if (source == x) return null;
        var shape = Retyped(node, r);
        if (HasTheSameElements(source, shape)) return [source];
        if (!shape.IsKnown && !HasOneOpenDimension(shape)) return null;
        var target = r.Builder.Integers(Array.ConvertAll(shape.Dims.ToArray(), d => (long)d));
        var op = new Reshape { Allowzero = shape.Dims.Contains(0) };
        return r.Builder.ApplyNamed(op, node.Name, 1, [source, target], [node.Output.Name]);
    }

    private static Shape Retyped(Node node, Rewriter r)
    {
        var inputs = node.Inputs.Select(r.Map).ToArray();
        return inputs.Any(v => v is { Shape.IsRanked: false }) ? Shape.Unranked
            : node.Op.Infer(new InferContext(node.Op, node.Name, inputs, node.Outputs.Count))[0].Shape;
    }

    private static long[]? Numbers(Node node, int input, Rewriter r) =>
        input < node.Inputs.Count ? r.Map(node.Inputs[input])?.Constant?.ToInt64() : null;

    private static bool IsSorted(int[] perm)
    {
        for (var i = 0; i < perm.Length; i++)
            if (perm[i] != i) return false;
        return true;
    }
}
