using Nabi.Ops;

namespace Nabi.Compression.Pruning;

/// <summary>
/// A layer that sums over the channels of a group, as a linear map from columns x to a result y = W x: for a convolution a column is a
/// patch, for a dense layer a vector.
/// </summary>
internal sealed class ChannelReader
{
    private readonly WeightAxes _axes;

    private ChannelReader(Node node, WeightAxes axes, ChannelSlice slice)
    {
        (Node, _axes) = (node, axes);
        Taps = Weight.Shape.Rank == 4 ? Weight.Shape.CountOf(2, 4) : 1;
        Columns = [.. slice.Elements.Select(e => e.SelectMany(i => Enumerable.Range(i * Taps, Taps)).ToArray())];
    }

    /// <summary>The layer.</summary>
    public Node Node { get; }

    /// <summary>Its weight.</summary>
    public Value Weight => Node.Inputs[_axes.Input]!;

    /// <summary>Elements of a column for one input channel: the taps of a convolution, 1 of a dense layer.</summary>
    public int Taps { get; }

    /// <summary>The elements of a column that belong to each channel of the group.</summary>
    public IReadOnlyList<int[]> Columns { get; }

    /// <summary>Elements of a column.</summary>
    public int Width => Weight.Shape[_axes.InputAxis] * Taps;

    /// <summary>Numbers of a result.</summary>
    public int Height => Weight.Shape[_axes.OutputAxis];

    /// <summary>
    /// The layers that read a group; null when something reads it that is no such layer: a convolution in groups, a weight that is used twice, an operator
    /// without a weight.
    /// </summary>
    public static IReadOnlyList<ChannelReader>? Of(ChannelGroup group)
    {
        var readers = new List<ChannelReader>();
        foreach (var slice in group.Parameters.Where(p => p.Role == SliceRole.Input))
        {
            var weight = slice.At.Value;
            if (weight is not { UseCount: 1, IsTrainable: true, DType: DType.Float32 } || weight.Users[0] is not { } node || WeightAxes.Of(node) is not { } axes
                || node.Inputs[axes.Input] != weight || slice.At.Axis != axes.InputAxis || !IsLinear(node)) return null;
            readers.Add(new ChannelReader(node, axes, slice));
        }
        return readers.Count > 0 ? readers : null;
    }

    /// <summary>W, a row of <see cref="Width"/> per result.</summary>
    public double[][] Matrix() => Matrix(Weight.Data!);

    /// <summary>A tensor of the weight's shape as rows.</summary>
    public double[][] Matrix(Tensor weight)
    {
        var (data, rows) = (weight.ToSingle(), new double[Height][]);
        for (var m = 0; m < rows.Length; m++)
        {
            rows[m] = new double[Width];
            for (var k = 0; k < Width; k++) rows[m][k] = data[At(m, k)];
        }
        return rows;
    }

    /// <summary>A weight tensor that holds W.</summary>
    public Tensor Tensor(double[][] matrix)
    {
        var tensor = Nabi.Tensor.Empty(DType.Float32, Weight.Shape);
        var data = tensor.Span<float>();
        for (var m = 0; m < Height; m++)
            for (var k = 0; k < Width; k++) data[At(m, k)] = (float)matrix[m][k];
        return tensor;
    }

    /// <summary>Positions at which a batch has columns: all outputs of all samples.</summary>
    public static int Positions(Tensor y) => y.Shape.Rank == 4 ? y.Shape[0] * y.Shape.CountOf(2, 4) : y.Shape.Count / y.Shape[y.Shape.Rank - 1];

    /// <summary>Writes the column at a position.</summary>
    public void Column(Tensor x, int position, Span<double> column)
    {
        var data = x.Span<float>();
        if (x.Shape.Rank != 4)
        {
            for (var k = 0; k < column.Length; k++) column[k] = data[position * column.Length + k];
            return;
        }
        var window = ((Conv)Node.Op).Resolve(x.Shape, Weight.Shape);
        var (height, width, wide) = (x.Shape[2], x.Shape[3], window.Output[1]);
        var (n, row, across) = (position / window.OutputCount, position % window.OutputCount / wide, position % wide);
        var (top, left) = (row * window.Strides[0] - window.PadBegin[0], across * window.Strides[1] - window.PadBegin[1]);
        for (var k = 0; k < column.Length; k++)
        {
            var (c, tap) = (k / Taps, k % Taps);
            var (i, j) = (top + tap / window.Kernel[1] * window.Dilations[0], left + tap % window.Kernel[1] * window.Dilations[1]);
            column[k] = i >= 0 && i < height && j >= 0 && j < width ? data[((n * x.Shape[1] + c) * height + i) * width + j] : 0;
        }
    }

    /// <summary>Writes the result at a position without the bias, of the outputs that are given.</summary>
    /// <param name="y">The layer's output, or that of the same layer when it had more outputs.</param>
    /// <param name="position">The position.</param>
    /// <param name="outputs">For each result the channel of <paramref name="y"/>.</param>
    /// <param name="result">Takes the numbers.</param>
    public void Result(Tensor y, int position, IReadOnlyList<int> outputs, Span<double> result)
    {
        ReadOnlySpan<float> data = y.Span<float>(), bias = Bias();
        var inner = y.Shape.Rank == 4 ? y.Shape.CountOf(2, 4) : 1;
        var channels = y.Shape.Rank == 4 ? y.Shape[1] : y.Shape[y.Shape.Rank - 1];
        for (var m = 0; m < result.Length; m++) result[m] = data[(position / inner * channels + outputs[m]) * inner + position % inner] - (bias.Length > 0 ? bias[m] : 0);
    }

    private ReadOnlySpan<float> Bias() => Node.Inputs.Count > 2 && Node.Inputs[2]?.Data is { } bias && bias.Count == Height ? bias.Span<float>() : [];

    private int At(int row, int column)
    {
        var (input, tap) = (column / Taps, column % Taps);
        return _axes.OutputAxis == 0 ? (row * Weight.Shape[1] + input) * Taps + tap : (input * Weight.Shape[1] + row) * Taps + tap;
    }

    private static bool IsLinear(Node node) => node.Op switch
    {
        Conv { Group: 1 } => node.Inputs[0]!.Shape.Rank == 4 && HasConstantBias(node),
        Gemm { Alpha: 1, Beta: 1 } => HasConstantBias(node),
        MatMul => true,
        _ => false,
    };

    private static bool HasConstantBias(Node node) => node.Inputs.Count < 3 || node.Inputs[2] is null || (node.Inputs[2]!.Data is { Shape.Rank: 1 } bias && bias.Count == node.Output.Shape[1]);
}
