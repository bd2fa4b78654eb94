using Nabi.Ops;

namespace Nabi.Formats;

/// <summary>Operators that slide over images, and dense layers.</summary>
internal static class TfLiteConvolutions
{
    private const int Same = 0;

    /// <summary>Adds them to the table.</summary>
    public static void AddTo(Dictionary<string, Action<TfLiteNode>> table)
    {
        table["CONV_2D"] = n => Convolve(n, new Sliding(n, Dilations: 4, Activation: 3), isDepthwise: false);
        table["DEPTHWISE_CONV_2D"] = n => Convolve(n, new Sliding(n, Dilations: 5, Activation: 4), isDepthwise: true);
        table["TRANSPOSE_CONV"] = ConvolveTransposed;
        table["FULLY_CONNECTED"] = Connect;
        table["AVERAGE_POOL_2D"] = n => Pool(n, w => new AveragePool { Window = w });
        table["MAX_POOL_2D"] = n => Pool(n, w => new MaxPool { Window = w });
    }

    // Filters [M, KH, KW, C / groups] of a convolution, [1, KH, KW, M] of a depthwise one.
    private static void Convolve(TfLiteNode n, Sliding sliding, bool isDepthwise)
    {
        var weight = n.Weights(1, isDepthwise ? [3, 0, 1, 2] : [0, 3, 1, 2]);
        if (weight.Shape is not { IsKnown: true, Rank: 4 } filters) throw new NabiException($"its filters have shape {weight.Shape}; four dimensions are needed");
        var (image, pads) = Padded(n, sliding);
        var x = n.Values.Real(image, ImageLayout.ChannelsFirst);
        var channels = x.Shape.Rank == 4 ? x.Shape[1] : throw new NabiException($"its input has shape {x.Shape}; images have four dimensions");
        if (isDepthwise && filters[1] != 1) throw new NabiException($"depthwise filters have shape {filters}; each must have one channel");
        if (channels <= 0 || filters[1] == 0 || channels % filters[1] != 0) throw new NabiException($"filters of {filters[1]} channels do not fit an input of {channels}");
        var op = new Conv { Window = sliding.Window(x.Shape, filters[2], filters[3], pads), Group = channels / filters[1] };
        var y = n.Apply(op, "", x, weight, n.Bias(2));
        n.Define(n.Activated(y, sliding.ActivationCode), ImageLayout.ChannelsFirst);
    }

    // Padding with zeros before a convolution is its own padding; a PAD that nothing else reads disappears.
    private static (TfLiteValue Image, int[]? Pads) Padded(TfLiteNode n, Sliding sliding) =>
        sliding.Padding != Same && n.In(0).Padding is { } padding ? (padding.Image, padding.Pads) : (n.In(0), null);

    // Inputs: the output's shape, filters [M, KH, KW, C], images.
    private static void ConvolveTransposed(TfLiteNode n)
    {
        var size = n.Integers(0);
        if (size.Length != 4 || size.Any(s => s is < 1 or > int.MaxValue)) throw new NabiException($"its output shape [{string.Join(", ", size)}] is not that of images");
        var weight = n.Weights(1, [3, 0, 1, 2]);
        if (weight.Shape is not { IsKnown: true, Rank: 4 } filters) throw new NabiException($"its filters have shape {weight.Shape}; four dimensions are needed");
        var x = n.Real(2, ImageLayout.ChannelsFirst);
        var sliding = new Sliding(n, Dilations: -1, Activation: 3);
        var strides = new[] { sliding.StrideHeight, sliding.StrideWidth };
        var (pads, more) = (new int[4], new int[2]);
        for (var axis = 0; axis < 2; axis++)
        {
            // The convolution that leads back pads as much as it must, the odd one at the end.
            if (x.Shape[2 + axis] == Shape.Unknown) throw new NabiException("its input has an unknown size, which is not supported");
            var missing = checked(((x.Shape[2 + axis] - 1L) * strides[axis]) + filters[2 + axis] - size[1 + axis]);
            (pads[axis], pads[2 + axis]) = sliding.Padding == Same && missing > 0 ? ((int)(missing / 2), (int)(missing - (missing / 2))) : (0, 0);
            more[axis] = (int)Math.Max(0, -missing);
            if (sliding.Padding != Same && missing > 0) throw new NabiException($"its output shape [{string.Join(", ", size)}] is too small for padding VALID");
        }
        var op = new ConvTranspose { Window = new Window { KernelShape = [filters[2], filters[3]], Strides = strides, Pads = pads }, OutputPadding = more.AsSpan().ContainsAnyExcept(0) ? more : [] };
        var y = n.Apply(op, "", x, weight, n.Bias(3));
        n.Define(n.Activated(y, sliding.ActivationCode), ImageLayout.ChannelsFirst);
    }

    // y = x W^T + b with rows of all leading axes. Behind a flattened image the columns of W take the order of channels first.
    private static void Connect(TfLiteNode n)
    {
        if (n.Enum(1) != 0) throw new NabiException("its weights are shuffled (format 4x16), which is not supported");
        var isConstant = n.In(1).Data is not null || n.In(1).Weights is not null;
        Value x, weight;
        if (Flattened(n.In(0)) is { } flat && isConstant && n.In(1).Tensor.Format is null or { Scales.Length: 1 } or { Axis: 0 })
        {
            var (height, width, channels) = (flat.Height, flat.Width, flat.Channels);
            weight = n.Weights(1, null, ($"{height}x{width}x{channels}", ChannelsFirst));
            x = Rows(n, flat.Image, ImageLayout.ChannelsFirst, weight.Shape[1]);

            Tensor ChannelsFirst(Tensor w) => w.Shape is { Rank: 2 } shape && shape[1] == height * width * channels
                ? TfLiteValues.Permuted(w.Reshape([shape[0], height, width, channels]), [0, 3, 1, 2]).Reshape(shape)
                : throw new NabiException($"weights of shape {w.Shape} do not fit images of {height} x {width} x {channels}");
        }
        else
        {
            weight = n.Weights(1, null);
            if (weight.Shape is not { IsRanked: true, Rank: 2 }) throw new NabiException($"its weights have shape {weight.Shape}; a matrix is needed");
            x = Rows(n, n.In(0), ImageLayout.Filed, weight.Shape[1]);
        }
        var y = n.Activated(n.Apply(new Gemm { TransB = true }, "", x, weight, n.Bias(2)), n.Enum(0));
        var outer = n.In(0).Shape;
        if (n.Enum(2) == 0 || !outer.IsRanked || outer.Rank == 2) n.Define(y);
        else n.DefineReshaped(y, [.. Enumerable.Range(0, outer.Rank - 1).Select(i => (long)outer[i]), weight.Shape[0]]);
    }

    // Images that were reshaped to rows, or are read as rows.
    private static (TfLiteValue Image, int Height, int Width, int Channels)? Flattened(TfLiteValue tensor) => tensor.Flattened
        ?? (tensor is { HasChannelsFirst: true, Shape: { Rank: 4 } shape } && shape.Dims[1..].IndexOf(Shape.Unknown) < 0 ? (tensor, shape[1], shape[2], shape[3]) : null);

    // A matrix of the rows; integers are reshaped as integers.
    private static Value Rows(TfLiteNode n, TfLiteValue tensor, ImageLayout layout, int columns)
    {
        var shape = tensor.Shape;
        if (layout == ImageLayout.Filed && shape is { IsRanked: true, Rank: 2 } && (shape[1] == columns || columns == Shape.Unknown)) return n.Values.Real(tensor, layout);
        var isBatched = shape is { IsRanked: true, Rank: > 1 } && shape.Dims[1..].IndexOf(Shape.Unknown) < 0 && shape.CountOf(1, shape.Rank) == columns;
        var target = n.Builder.Integers(isBatched ? 0 : -1, columns);
        if (!tensor.Tensor.IsQuantized) return n.Apply(new Reshape(), "rows", n.Values.Real(tensor, layout), target);
        var rows = new TfLiteValue(tensor.Tensor with { Data = null });
        n.Values.DefineStored(rows, n.Apply(new Reshape(), "rows", n.Values.Stored(tensor, layout), target), ImageLayout.Filed);
        return n.Values.Real(rows, ImageLayout.Filed);
    }

    private static void Pool(TfLiteNode n, Func<Window, Op> pool)
    {
        var sliding = new Sliding(n, Dilations: -1, Activation: 5);
        var x = n.Real(0, ImageLayout.ChannelsFirst);
        if (x.Shape is not { IsRanked: true, Rank: 4 } shape) throw new NabiException($"its input has shape {x.Shape}; images have four dimensions");
        var (height, width) = (n.Int(4), n.Int(3));
        Op op = pool(sliding.Window(shape, height, width, null));
        if (op is AveragePool && (height, width) == (shape[2], shape[3]) && sliding.Padding != Same) op = new GlobalAveragePool();
        n.Define(n.Activated(n.Apply(op, "", x), sliding.ActivationCode), ImageLayout.ChannelsFirst);
    }

    // Padding and strides lie in the same fields of all these operators.
    private sealed record Sliding(TfLiteNode Node, int Dilations, int Activation)
    {
        public int Padding => Node.Enum(0);

        public int StrideWidth => Node.Int(1);

        public int StrideHeight => Node.Int(2);

        public int ActivationCode => Node.Enum(Activation);

        public Window Window(Shape image, int height, int width, int[]? pads)
        {
            var window = new Window
            {
                KernelShape = [height, width],
                Strides = [StrideHeight, StrideWidth],
                Dilations = Dilations < 0 ? [] : [Node.Int(Dilations + 1, 1), Node.Int(Dilations, 1)],
                Pads = pads ?? [],
                AutoPad = Padding == Same ? AutoPad.SameUpper : AutoPad.NotSet,
            };
            if (Padding is not (Same or 1)) throw new NabiException($"its padding, number {Padding}, does not exist");
            if (window.AutoPad == AutoPad.NotSet || image[2] == Shape.Unknown || image[3] == Shape.Unknown) return window;
            var resolved = window.Resolve(image.Dims[2..]);
            return window with { AutoPad = AutoPad.NotSet, Pads = [.. resolved.PadBegin, .. resolved.PadEnd] };
        }
    }
}
