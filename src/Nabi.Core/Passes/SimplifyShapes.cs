using Nabi.Ops;

namespace Nabi.Passes;

/// <summary>
/// Makes the shape arithmetic of exported graphs static. Integer tensors are followed element by element, an element being a number or a
/// dimension that is not known; what turns out to be all numbers becomes a constant. A Reshape, Expand, Slice or Resize whose target holds
/// unknown dimensions gets a constant target where the operator has a word for them: -1, 0 or 1, to the end, or leaving an axis alone.
/// </summary>
public static class SimplifyShapes
{
    private const int LargestConstant = 1 << 15;

    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("simplify shapes", graph =>
    {
        var dims = new SymbolicDims();
        return graph.Rewrite((node, r) => Simplify(node, r, dims));
    });

    private static IReadOnlyList<Value>? Simplify(Node node, Rewriter r, SymbolicDims dims)
    {
        var inputs = node.Inputs.Select(r.Map).ToArray();
        foreach (var input in inputs)
            if (input is not null) dims.Follow(input);
        if (!FoldConstants.IsStored(node) && inputs.All(v => v?.Shape.IsRanked != false)
            && inputs.All(v => v is null || v.Constant?.Bytes.Length <= LargestConstant)
            && FoldConstants.Evaluate(node, inputs, LargestConstant) is { } folded)
            return FoldConstants.Constants(node, folded, r);
        if (dims.Evaluate(node, inputs) is { } elements && Array.TrueForAll(elements, e => e.IsNumber))
            return [r.Builder.Constant(Constant(elements, inputs, node), node.Output.Name)];
        return node.Op switch
        {
            Reshape reshape when Unknown(inputs, 1, dims) is { } target && Target(reshape, inputs[0]!, target, dims) is { } fixedTarget =>
                Replaced(node, node.Op, [inputs[0], r.Builder.Integers(fixedTarget)], r),
            Expand when Unknown(inputs, 1, dims) is { } target && Kept(inputs[0]!, target, dims) is { } fixedTarget =>
                Replaced(node, node.Op, [inputs[0], r.Builder.Integers(fixedTarget)], r),
            Slice when Unknown(inputs, 2, dims) is { } ends && ToEnd(inputs, ends, dims) is { } fixedEnds =>
                Replaced(node, node.Op, [inputs[0], inputs[1], r.Builder.Integers(fixedEnds), .. inputs[3..]], r),
            Resize { Axes.IsEmpty: true, KeepAspectRatioPolicy: "stretch" } resize when Unknown(inputs, 3, dims) is { } sizes => Resized(node, resize, inputs, sizes, r, dims),
            _ => null,
        };
    }

    private static Tensor Constant(DimOrNumber[] elements, Value?[] inputs, Node node)
    {
        // Evaluate gives one output whose shape follows from static inputs.
        var type = node.Op.Infer(new InferContext(node.Op, node.Name, inputs, 1))[0];
        return Tensor.Of<long>(type.Shape.IsKnown ? type.Shape : [elements.Length], Array.ConvertAll(elements, e => e.Number)).Cast(type.DType);
    }

    private static DimOrNumber[]? Unknown(Value?[] inputs, int index, SymbolicDims dims) =>
        index < inputs.Length && inputs[index] is { Constant: null } value && inputs[0]!.Shape.IsRanked ? dims.Elements(value) : null;

    private static IReadOnlyList<Value> Replaced(Node node, Op op, Value?[] inputs, Rewriter r) =>
        r.Builder.ApplyNamed(op, node.Name, 1, inputs, [node.Output.Name]);

    // A dimension that stands where the data has it is 0; one other may stay open.
    private static long[]? Target(Reshape op, Value x, DimOrNumber[] target, SymbolicDims dims)
    {
        if (op.Allowzero || x.Shape.Dims.Contains(0)) return null;
        var result = new long[target.Length];
        var open = 0;
        for (var i = 0; i < result.Length; i++)
        {
            if (target[i].IsNumber) result[i] = target[i].Number;
            else result[i] = i < x.Shape.Rank && dims.Of(x, i) == target[i] ? 0 : -1;
            if (result[i] == -1) open++;
        }
        return open <= 1 ? result : null;
    }

    // Expanding to 1 keeps the data's dimension.
    private static long[]? Kept(Value x, DimOrNumber[] target, SymbolicDims dims)
    {
        var result = new long[target.Length];
        for (var i = 0; i < result.Length; i++)
        {
            var axis = i - (target.Length - x.Shape.Rank);
            if (target[i].IsNumber) result[i] = target[i].Number;
            else if (axis >= 0 && dims.Of(x, axis) == target[i]) result[i] = 1;
            else return null;
        }
        return result;
    }

    private static long[]? ToEnd(Value?[] inputs, DimOrNumber[] ends, SymbolicDims dims)
    {
        var axes = inputs.Length > 3 && inputs[3] is { } given ? given.Constant?.ToInt64() : [.. Enumerable.Range(0, ends.Length).Select(i => (long)i)];
        var steps = inputs.Length > 4 && inputs[4] is { } step ? step.Constant?.ToInt64() : [.. ends.Select(_ => 1L)];
        if (axes is null || steps is null) return null;
        var result = new long[ends.Length];
        for (var i = 0; i < result.Length; i++)
        {
            if (ends[i].IsNumber) result[i] = ends[i].Number;
            else if (steps[i] > 0 && dims.Of(inputs[0]!, inputs[0]!.Shape.Axis(axes[i])) == ends[i]) result[i] = long.MaxValue;
            else return null;
        }
        return result;
    }

    private static IReadOnlyList<Value>? Resized(Node node, Resize op, Value?[] inputs, DimOrNumber[] sizes, Rewriter r, SymbolicDims dims)
    {
        if (op.CoordinateTransformationMode == "tf_crop_and_resize") return null;
        var (axes, fixedSizes) = (new List<int>(), new List<long>());
        for (var i = 0; i < sizes.Length; i++)
        {
            if (!sizes[i].IsNumber && dims.Of(inputs[0]!, i) == sizes[i]) continue;
            if (!sizes[i].IsNumber) return null;
            axes.Add(i);
            fixedSizes.Add(sizes[i].Number);
        }
        return Replaced(node, op with { Axes = axes.ToArray() }, [inputs[0], null, null, r.Builder.Integers(fixedSizes.ToArray())], r);
    }
}
