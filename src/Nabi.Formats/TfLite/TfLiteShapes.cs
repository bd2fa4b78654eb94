using Nabi.Ops;

namespace Nabi.Formats;

/// <summary>Operators that move elements: other shapes, other orders, parts, joins, borders, other resolutions.</summary>
internal static class TfLiteShapes
{
    /// <summary>Adds them to the table.</summary>
    public static void AddTo(Dictionary<string, Action<TfLiteNode>> table)
    {
        table["RESHAPE"] = Reshape;
        table["SQUEEZE"] = Squeeze;
        table["EXPAND_DIMS"] = ExpandDims;
        table["TRANSPOSE"] = Transpose;
        table["CONCATENATION"] = Concatenate;
        table["PACK"] = Pack;
        table["UNPACK"] = Unpack;
        table["SPLIT"] = n => Split(n, data: 1, axis: 0, sizes: null);
        table["SPLIT_V"] = n => Split(n, data: 0, axis: 2, sizes: 1);
        table["SLICE"] = Slice;
        table["STRIDED_SLICE"] = TfLiteStridedSlice.Import;
        table["PAD"] = table["PADV2"] = n => Pad(n, "constant");
        table["MIRROR_PAD"] = n => Pad(n, n.Enum(0) == 0 ? "reflect" : "symmetric");
        table["GATHER"] = Gather;
        table["TILE"] = n => n.Move(0, ImageLayout.Filed, x => n.Apply(new Tile(), "", x, n.Builder.Integers(n.Integers(1))));
        table["SHAPE"] = ShapeOf;
        table["RESIZE_BILINEAR"] = n => Resize(n, "linear");
        table["RESIZE_NEAREST_NEIGHBOR"] = n => Resize(n, "nearest");
        table["SPACE_TO_DEPTH"] = n => Rearrange(n, new SpaceToDepth { Blocksize = n.Int(0) });
        table["DEPTH_TO_SPACE"] = n => Rearrange(n, new DepthToSpace { Blocksize = n.Int(0) });
    }

    private static void Reshape(TfLiteNode n)
    {
        var x = n.In(0);
        if (Target(n) is not { } target)
        {
            var sizes = n.Apply(new Cast(DType.Int64), "sizes", n.Stored(1));
            n.Move(0, ImageLayout.Filed, value => n.Apply(new Reshape(), "", value, sizes));
            return;
        }
        var from = x.Shape;
        if (from is { IsRanked: true, Rank: > 0 } && target.Length > 0 && KeepsSamples(from, target)) target[0] = 0;
        n.Move(0, ImageLayout.Filed, value => n.Apply(new Reshape(), "", value, n.Builder.Integers(target)));
        if (target is [0, _] && from.Rank == 4 && x.HasChannelsFirst && from.Dims[1..].IndexOf(Shape.Unknown) < 0)
            n.Out().Flattened = (x, from[1], from[2], from[3]);
    }

    private static long[]? Target(TfLiteNode n)
    {
        if (n.Has(1))
        {
            var tensor = n.In(1);
            if (tensor.Data is null && tensor.IsDefined && n.Stored(1).Constant is null) return null;
            return n.Integers(1);
        }
        var option = n.Operator.Options?.Numbers<int>(0) ?? [];
        return Array.ConvertAll(option.Length > 0 ? option : n.Out().Tensor.Dims, d => (long)d);
    }

    // Is the first dimension the same, so that it may be any?
    private static bool KeepsSamples(Shape from, long[] target)
    {
        if (from.Dims[1..].IndexOf(Shape.Unknown) >= 0 || target.AsSpan(1).IndexOf(-1) >= 0 || (target[0] != -1 && target[0] != from[0])) return false;
        Int128 product = 1;
        foreach (var size in target.AsSpan(1)) product = product > int.MaxValue ? product : product * size;
        return from.CountOf(1, from.Rank) is > 0 and var sample && product == sample;
    }

    private static void Squeeze(TfLiteNode n)
    {
        var shape = n.In(0).Shape;
        var given = n.Operator.Options?.Numbers<int>(0) ?? [];
        var axes = (given.Length > 0 ? given.Select(a => n.Axis(a, n.Rank(0))) : Enumerable.Range(0, n.Rank(0)).Where(a => shape[a] == 1)).Select(a => (long)a).ToArray();
        n.Move(0, ImageLayout.Filed, x => n.Apply(new Squeeze(), "", x, n.Builder.Integers(axes)));
    }

    private static void ExpandDims(TfLiteNode n)
    {
        var axis = n.Axis(n.Integers(1) is [var only] ? only : throw new NabiException("it needs one axis"), n.Rank(0) + 1);
        n.Move(0, ImageLayout.Filed, x => n.Apply(new Unsqueeze(), "", x, n.Builder.Integers(axis)));
    }

    private static void Transpose(TfLiteNode n)
    {
        var order = n.Integers(1);
        var rank = n.Rank(0);
        if (order.Length != rank) throw new NabiException($"its order [{string.Join(", ", order)}] does not fit {rank} dimensions");
        n.Move(0, ImageLayout.Filed, x => n.Apply(new Transpose { Perm = Array.ConvertAll(order, a => n.Axis(a, rank)) }, "", x));
    }

    // Parts on the grid of the result are joined as integers, others as real numbers.
    private static void Concatenate(TfLiteNode n)
    {
        var inputs = Enumerable.Range(0, n.InputCount).ToArray();
        if (inputs.Length == 0) throw new NabiException("it joins nothing");
        var (layout, rank) = (n.Layout(inputs), n.Rank(0));
        var axis = n.Axis(n.Int(0), rank);
        var op = new Concat(rank == 4 ? TfLiteValues.AxisIn(layout, axis) : axis);
        var areIntegers = n.Enum(1) == 0 && Array.TrueForAll(inputs, i => TfLiteFormat.AreEqual(n.In(i).Tensor, n.Out().Tensor) && n.In(i).Weights is null);
        if (areIntegers) n.Values.DefineStored(n.Out(), n.Apply(op, "", [.. inputs.Select(i => n.Stored(i, layout))]), layout);
        else n.Define(n.Activated(n.Apply(op, "", [.. inputs.Select(i => n.Real(i, layout))]), n.Enum(1)), layout);
    }

    private static void Pack(TfLiteNode n)
    {
        var axis = n.Axis(n.Int(1), n.Rank(0) + 1);
        var areIntegers = Enumerable.Range(0, n.InputCount).All(i => TfLiteFormat.AreEqual(n.In(i).Tensor, n.Out().Tensor));
        var parts = Enumerable.Range(0, n.InputCount).Select(i => n.Apply(new Unsqueeze(), "part", areIntegers ? n.Stored(i) : n.Real(i), n.Builder.Integers(axis))).ToArray();
        var joined = n.Apply(new Concat(axis), "", parts);
        if (areIntegers) n.Values.DefineStored(n.Out(), joined, ImageLayout.Filed);
        else n.Define(joined);
    }

    private static void Unpack(TfLiteNode n)
    {
        var axis = n.Axis(n.Int(1), n.Rank(0));
        var parts = Parted(n, 0, axis, ImageLayout.Filed, null);
        for (var i = 0; i < n.OutputCount; i++) Place(n, i, n.Apply(new Squeeze(), "part", parts[i], n.Builder.Integers(axis)), ImageLayout.Filed);
    }

    private static void Split(TfLiteNode n, int data, int axis, int? sizes)
    {
        var (layout, rank) = (n.Layout(data), n.Rank(data));
        var along = n.Axis(n.Integers(axis) is [var only] ? only : throw new NabiException("it needs one axis"), rank);
        var parts = Parted(n, data, rank == 4 ? TfLiteValues.AxisIn(layout, along) : along, layout, sizes is { } input ? Sizes(n.Integers(input), n.In(data).Shape[along]) : null);
        for (var i = 0; i < n.OutputCount; i++) Place(n, i, parts[i], layout);
    }

    // One part may be -1: what the others leave.
    private static long[] Sizes(long[] sizes, int dim)
    {
        var open = Array.IndexOf(sizes, -1);
        if (open >= 0) sizes[open] = dim - (sizes.Sum() + 1);
        return sizes;
    }

    private static IReadOnlyList<Value> Parted(TfLiteNode n, int data, int axis, ImageLayout layout, long[]? sizes)
    {
        if (n.OutputCount == 0) throw new NabiException("it has no outputs");
        var areIntegers = Enumerable.Range(0, n.OutputCount).All(i => TfLiteFormat.AreEqual(n.In(data).Tensor, n.Out(i).Tensor)) && n.In(data).Weights is null;
        var x = areIntegers ? n.Stored(data, layout) : n.Real(data, layout);
        return n.Values.Apply(new Split { Axis = axis }, n.Name, n.OutputCount, [x, sizes is null ? null : n.Builder.Integers(sizes)]);
    }

    private static void Place(TfLiteNode n, int output, Value part, ImageLayout layout)
    {
        if (part.DType == n.Out(output).Tensor.Type) n.Values.DefineStored(n.Out(output), part, layout);
        else n.Define(part, layout, output);
    }

    private static void Slice(TfLiteNode n)
    {
        var (layout, rank) = (n.Layout(0), n.Rank(0));
        var (begin, size) = (n.Integers(1), n.Integers(2));
        if (begin.Length != rank || size.Length != rank) throw new NabiException($"it needs {rank} beginnings and sizes");
        var end = begin.Select((b, i) => size[i] < 0 ? long.MaxValue : checked(b + size[i])).ToArray();
        if (rank == 4) (begin, end) = (TfLiteValues.InOrder(layout, begin), TfLiteValues.InOrder(layout, end));
        n.Move(0, layout, x => n.Apply(new Slice(), "", x, n.Builder.Integers(begin), n.Builder.Integers(end)));
    }

    private static void Pad(TfLiteNode n, string mode)
    {
        var (layout, rank) = (n.Layout(0), n.Rank(0));
        var pads = n.Integers(1);
        if (pads.Length != 2 * rank || pads.Any(p => p is < 0 or > int.MaxValue)) throw new NabiException($"its {pads.Length} pads do not fit {rank} dimensions");
        var (begin, end) = (Enumerable.Range(0, rank).Select(i => pads[2 * i]).ToArray(), Enumerable.Range(0, rank).Select(i => pads[(2 * i) + 1]).ToArray());
        var shape = n.In(0).Shape;
        if (mode == "symmetric") mode = pads.All(p => p <= 1) ? "edge" : throw new NabiException("mode SYMMETRIC with more than one element is not supported");
        if (rank == 4) (begin, end) = (TfLiteValues.InOrder(layout, begin), TfLiteValues.InOrder(layout, end));
        var zero = mode == "constant" && !n.Has(2) && n.In(0).Tensor is { IsQuantized: true, Format.ZeroPoints: [not 0 and var z] } tensor ? Tensor.Scalar(z).Cast(tensor.Type!.Value) : null;
        if (mode == "constant" && n.Has(2)) zero = n.In(2).Data?.Reshape(Shape.Scalar) ?? throw new NabiException("what it pads with is computed while the model runs, which is not supported");
        n.Move(0, layout, x => n.Apply(new Pad { Mode = mode }, "", x, n.Builder.Integers([.. begin, .. end]),
            zero is null ? null : n.Builder.Constant(x.DType == zero.DType ? zero : Real(n, zero), "pad")));
        if (mode == "constant" && !n.Has(2) && rank == 4 && pads is [0, 0, _, _, _, _, 0, 0] && TfLiteFormat.AreEqual(n.In(0).Tensor, n.Out().Tensor))
            n.Out().Padding = (n.In(0), [(int)pads[2], (int)pads[4], (int)pads[3], (int)pads[5]]);
    }

    // The real number that a padding integer stands for.
    private static Tensor Real(TfLiteNode n, Tensor stored) => n.In(n.Has(2) ? 2 : 0).Tensor.Format is { Scales: [var scale], ZeroPoints: [var zero] }
        ? Tensor.Scalar((float)((stored.ToInt64()[0] - zero) * (double)scale)) : stored.Cast(DType.Float32);

    private static void Gather(TfLiteNode n)
    {
        if (n.Int(1) != 0) throw new NabiException("batch_dims other than 0 are not supported");
        var axis = n.Axis(n.Int(0), n.Rank(0));
        n.Move(0, ImageLayout.Filed, x => n.Apply(new Gather { Axis = axis }, "", x, n.Stored(1)));
    }

    private static void ShapeOf(TfLiteNode n)
    {
        var type = n.Out().Tensor.Type is DType.Int64 ? DType.Int64 : DType.Int32;
        var shape = n.In(0).Shape;
        if (shape.IsKnown)
        {
            n.Define(n.Builder.Constant(Tensor.Vector<long>([.. shape.Select(d => (long)d)]).Cast(type), n.Name));
            return;
        }
        var layout = n.In(0).HasChannelsFirst ? ImageLayout.ChannelsFirst : ImageLayout.Filed;
        var sizes = n.Apply(new ShapeOf(), "", n.Stored(0, layout));
        if (layout == ImageLayout.ChannelsFirst) sizes = n.Apply(new Gather(), "order", sizes, n.Builder.Integers(0, 2, 3, 1));
        n.Define(type == DType.Int64 ? sizes : n.Apply(new Cast(type), "cast", sizes));
    }

    // Attributes: align_corners, half_pixel_centers. Nearest rounds down, but for corners that are aligned to the nearer element, halves up.
    private static void Resize(TfLiteNode n, string mode)
    {
        var sizes = n.Integers(1);
        if (sizes.Length != 2 || sizes.Any(s => s is < 1 or > int.MaxValue)) throw new NabiException($"its sizes [{string.Join(", ", sizes)}] are not a height and a width");
        var (first, second) = mode == "linear" ? (2, 3) : (0, 1);
        var (isAligned, isHalf) = (n.Enum(first) != 0, n.Enum(second) != 0);
        var op = new Resize
        {
            Mode = mode, Axes = [2, 3],
            CoordinateTransformationMode = isAligned ? "align_corners" : isHalf ? "half_pixel" : "asymmetric",
            NearestMode = isAligned || isHalf ? "round_prefer_ceil" : "floor",
        };
        if (mode == "nearest") n.Move(0, ImageLayout.ChannelsFirst, Resized);
        else n.Define(Resized(n.Real(0, ImageLayout.ChannelsFirst)), ImageLayout.ChannelsFirst);

        Value Resized(Value x) => n.Apply(op, "", x, null, null, n.Builder.Integers(sizes));
    }

    private static void Rearrange(TfLiteNode n, Op op) => n.Move(0, ImageLayout.ChannelsFirst, x => n.Apply(op, "", x));
}
