using Nabi.Ops;

namespace Nabi.Formats;

/// <summary>Operators that bring axes together: means, sums, places of the largest, softmax, products of matrices.</summary>
internal static class TfLiteReductions
{
    /// <summary>Adds them to the table.</summary>
    public static void AddTo(Dictionary<string, Action<TfLiteNode>> table)
    {
        table["MEAN"] = n => Reduce(n, keep => new ReduceMean { Keepdims = keep });
        table["SUM"] = n => Reduce(n, keep => new ReduceSum { Keepdims = keep });
        table["REDUCE_MAX"] = n => Reduce(n, keep => new ReduceMax { Keepdims = keep });
        table["REDUCE_MIN"] = n => Reduce(n, keep => new ReduceMin { Keepdims = keep });
        table["REDUCE_PROD"] = n => Reduce(n, keep => new ReduceProd { Keepdims = keep });
        table["ARG_MAX"] = n => ArgReduce(n, (axis, keep) => new ArgMax { Axis = axis, Keepdims = keep });
        table["ARG_MIN"] = n => ArgReduce(n, (axis, keep) => new ArgMin { Axis = axis, Keepdims = keep });
        table["SOFTMAX"] = Soften;
        table["LOG_SOFTMAX"] = n => AlongLast(n, axis => new LogSoftmax { Axis = axis });
        table["L2_NORMALIZATION"] = n => AlongLast(n, axis => new LpNormalization { Axis = axis, P = 2 });
        table["BATCH_MATMUL"] = Multiply;
    }

    private static void Reduce(TfLiteNode n, Func<bool, Op> reduction)
    {
        var rank = n.Rank(0);
        var axes = n.Integers(1).Select(a => n.Axis(a, rank)).Distinct().Order().ToArray();
        var keep = n.Enum(0) != 0;
        var isImage = rank == 4 && n.In(0).HasChannelsFirst;
        if (isImage && axes is [1, 2] && reduction(true) is ReduceMean)
        {
            var mean = n.Apply(new GlobalAveragePool(), "", n.Real(0, ImageLayout.ChannelsFirst));
            if (keep) n.Define(mean, ImageLayout.ChannelsFirst);
            else n.DefineReshaped(mean, 0, mean.Shape[1] == Shape.Unknown ? -1 : mean.Shape[1]);
            return;
        }
        var layout = isImage && keep ? ImageLayout.ChannelsFirst : ImageLayout.Filed;
        var inLayout = Array.ConvertAll(axes, a => (long)(rank == 4 ? TfLiteValues.AxisIn(layout, a) : a));
        var x = n.Real(0, layout);
        n.Define(axes.Length == 0 ? x : n.Apply(reduction(keep), "", x, n.Builder.Integers(inLayout)), layout);
    }

    // The axes left of an image without its channels are in the file's order in either layout.
    private static void ArgReduce(TfLiteNode n, Func<int, bool, Op> reduction)
    {
        var rank = n.Rank(0);
        var axis = n.Axis(n.Integers(1) is [var only] ? only : throw new NabiException("it needs one axis"), rank);
        var layout = rank == 4 && axis == 3 && n.In(0).HasChannelsFirst ? ImageLayout.ChannelsFirst : ImageLayout.Filed;
        var places = n.Apply(reduction(rank == 4 ? TfLiteValues.AxisIn(layout, axis) : axis, false), "", n.Real(0, layout));
        n.Define(n.Out().Tensor.Type is { } type && type != places.DType ? n.Apply(new Cast(type), "cast", places) : places);
    }

    private static void AlongLast(TfLiteNode n, Func<int, Op> op)
    {
        var layout = n.Layout(0);
        n.Define(n.Apply(op(layout == ImageLayout.Filed ? -1 : 1), "", n.Real(0, layout)), layout);
    }

    private static void Soften(TfLiteNode n)
    {
        var layout = n.Layout(0);
        var (x, beta) = (n.Real(0, layout), n.Float(0));
        if (beta is not (1 or 0)) x = n.Apply(new Mul(), "beta", x, n.Builder.Constant(Tensor.Scalar(beta), "beta"));
        n.Define(n.Apply(new Softmax { Axis = layout == ImageLayout.Filed ? -1 : 1 }, "", x), layout);
    }

    private static void Multiply(TfLiteNode n)
    {
        var (a, b) = (Side(0, n.Enum(0) != 0), Side(1, n.Enum(1) != 0));
        n.Define(n.Apply(new MatMul(), "", a, b));

        Value Side(int input, bool isTransposed)
        {
            var x = n.Values.Real(n.In(input), ImageLayout.Filed, trainable: true);
            if (!isTransposed) return x;
            var order = Enumerable.Range(0, n.Rank(input)).ToArray();
            if (order.Length < 2) throw new NabiException("a vector cannot be transposed");
            (order[^1], order[^2]) = (order[^2], order[^1]);
            return n.Apply(new Transpose { Perm = order }, "transpose", x);
        }
    }
}
