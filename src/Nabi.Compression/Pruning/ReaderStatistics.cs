using System.Numerics.Tensors;
using Nabi.Training.Data;

namespace Nabi.Compression.Pruning;

/// <summary>
/// Sums of products of a reader's columns x, as they are now, and its results y, as they were in the original network. Their size does not depend
/// on how many samples were seen.
/// </summary>
internal sealed class ReaderStatistics
{
    private ReaderStatistics(ChannelReader reader)
    {
        Reader = reader;
        Gram = Rows(reader.Width, reader.Width);
        Cross = Rows(reader.Height, reader.Width);
    }

    /// <summary>The layer.</summary>
    public ChannelReader Reader { get; }

    /// <summary>The sum of x x'.</summary>
    public double[][] Gram { get; }

    /// <summary>The sum of y x'.</summary>
    public double[][] Cross { get; }

    /// <summary>The sum of |y|^2.</summary>
    public double Square { get; private set; }

    /// <summary>Measures readers on samples.</summary>
    /// <param name="graph">The network as it is now.</param>
    /// <param name="original">The network whose results are wanted.</param>
    /// <param name="readers">Layers of <paramref name="graph"/>.</param>
    /// <param name="outputs">For a reader's output, the channels of the original's that are left.</param>
    /// <param name="loader">Samples.</param>
    /// <param name="positions">Positions drawn per sample.</param>
    /// <param name="context">Seed, threads, cancellation.</param>
    public static IReadOnlyList<ReaderStatistics> Measure(Graph graph, Graph original, IReadOnlyList<ChannelReader> readers, Func<ChannelReader, IReadOnlyList<int>> outputs,
        BatchLoader loader, int positions, CompressionContext context)
    {
        var statistics = readers.Select(r => new ReaderStatistics(r)).ToArray();
        using var now = new ObservedGraph(graph, [.. readers.Select(r => r.Node.Inputs[0]!.Name).Distinct(StringComparer.Ordinal)], loader.Options.BatchSize, context.Threads);
        using var then = new ObservedGraph(original, [.. readers.Select(r => r.Node.Output.Name)], loader.Options.BatchSize, context.Threads);
        var rng = context.RngFor(0x1A550);
        foreach (var batch in loader.Epoch(0))
        {
            context.Cancellation.ThrowIfCancellationRequested();
            var (inputs, results) = (now.Run(batch.Inputs), then.Run(batch.Inputs));
            foreach (var s in statistics)
                s.Add(inputs[s.Reader.Node.Inputs[0]!.Name], results[s.Reader.Node.Output.Name], outputs(s.Reader), positions * batch.Inputs.Shape[0], rng);
        }
        foreach (var s in statistics) s.Mirror();
        return statistics;
    }

    /// <summary>
    /// Adds what LASSO works with: with z_c = W_c x_c the part of channel c in the result, the sums of z_c' z_d and of z_c' y, as shares of the sum of |y|^2.
    /// </summary>
    /// <param name="quadratic">z_c' z_d, one row per channel.</param>
    /// <param name="linear">z_c' y.</param>
    public void AddParts(double[][] quadratic, double[] linear)
    {
        var (weights, columns, scale) = (Reader.Matrix(), Reader.Columns, 1 / Math.Max(1e-30, Square));
        var (products, parts) = (new double[Reader.Width], new double[Reader.Width]);
        for (var c = 0; c < linear.Length; c++)
        {
            foreach (var k in columns[c])
            {
                Array.Clear(products);
                for (var m = 0; m < weights.Length; m++)
                {
                    TensorPrimitives.MultiplyAdd(weights[m], weights[m][k], products, products);
                    linear[c] += Cross[m][k] * weights[m][k] * scale;
                }
                TensorPrimitives.Multiply<double>(products, Gram[k], parts);
                for (var d = 0; d < linear.Length; d++)
                    foreach (var l in columns[d]) quadratic[c][d] += parts[l] * scale;
            }
        }
    }

    private void Add(Tensor x, Tensor y, IReadOnlyList<int> outputs, int count, Rng rng)
    {
        var available = ChannelReader.Positions(y);
        var (column, result) = (new double[Reader.Width], new double[Reader.Height]);
        for (var i = 0; i < Math.Min(count, available); i++)
        {
            var position = count < available ? rng.Next(available) : i;
            Reader.Column(x, position, column);
            Reader.Result(y, position, outputs, result);
            for (var k = 0; k < column.Length; k++)
                if (column[k] != 0) TensorPrimitives.MultiplyAdd(column.AsSpan(k), column[k], Gram[k].AsSpan(k), Gram[k].AsSpan(k));
            for (var m = 0; m < result.Length; m++) TensorPrimitives.MultiplyAdd(column, result[m], Cross[m], Cross[m]);
            Square += TensorPrimitives.SumOfSquares<double>(result);
        }
    }

    private void Mirror()
    {
        for (var i = 0; i < Gram.Length; i++)
            for (var j = 0; j < i; j++) Gram[i][j] = Gram[j][i];
    }

    /// <summary>A matrix of zeros.</summary>
    internal static double[][] Rows(int rows, int columns) => [.. Enumerable.Range(0, rows).Select(_ => new double[columns])];
}
