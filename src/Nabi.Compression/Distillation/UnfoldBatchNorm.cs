using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;
using Nabi.Ops;

namespace Nabi.Compression.Distillation;

/// <summary>
/// Puts batch normalization (Ioffe and Szegedy 2015) back behind convolutions it was folded into, as exporters do, so that the network can
/// be trained at usual learning rates again. Mean and variance of each channel are measured on calibration samples; scale and shift
/// are chosen so that the network computes what it did: with y the convolution, m and v its mean and variance,
/// sqrt(v + e) * (y - m) / sqrt(v + e) + m = y. A convolution's bias moves into the shift.
/// </summary>
public sealed record UnfoldBatchNorm : CompressionStep
{
    private const float Epsilon = 1e-5f;

    /// <summary>Samples the statistics are measured on. Default 512.</summary>
    public int Samples { get; init; } = 512;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("samples", Samples, 16, 1_000_000);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var bare = graph.Nodes.Where(IsBare).Select(n => n.Output.Name).ToHashSet(StringComparer.Ordinal);
        context.Notes.Add($"{Name}: batch normalization put behind {bare.Count} convolutions.");
        return bare.Count == 0 ? graph : Behind(graph, bare, context);
    }

    /// <summary>Puts batch normalization behind chosen convolutions, set so that it changes nothing.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="outputs">Names of the convolutions' outputs.</param>
    /// <param name="context">Samples for the statistics.</param>
    internal Graph Behind(Graph graph, IReadOnlyCollection<string> outputs, CompressionContext context)
    {
        var moments = Measure(graph, outputs, context);
        return graph.Rewrite((node, rewriter) => moments.TryGetValue(node.Output.Name, out var found) ? Unfolded(node, found, rewriter) : null);
    }

    private static bool IsBare(Node node) => node is { Op: Conv, Inputs: [_, { IsTrainable: true }, ..] }
        && (node.Inputs.Count < 3 || node.Inputs[2] is null or { IsTrainable: true })
        && !node.Output.Users.Any(u => u.Op is BatchNormalization);

    private Dictionary<string, Moments> Measure(Graph graph, IReadOnlyCollection<string> values, CompressionContext context)
    {
        var loader = CalibrationBatches.Of(graph, context, Samples);
        var moments = values.ToDictionary(v => v, _ => new Moments(), StringComparer.Ordinal);
        using var observed = new ObservedGraph(graph, values, loader.Options.BatchSize, context.Threads);
        foreach (var batch in loader.Epoch(0))
        {
            context.Report("measuring means and variances", (double)batch.Step / loader.Steps);
            foreach (var (name, tensor) in observed.Run(batch.Inputs)) moments[name].Add(tensor, batch.Count);
        }
        return moments;
    }

    private static IReadOnlyList<Value> Unfolded(Node node, Moments moments, Rewriter rewriter)
    {
        var b = rewriter.Builder;
        var bias = node.Inputs.Count > 2 ? node.Inputs[2]?.Data?.ToSingle() : null;
        var (mean, variance) = moments.Result;
        var own = bias is null ? mean : [.. mean.Select((m, c) => m - bias[c])];
        var conv = b.ApplyNamed(node.Op, node.Name, 1, [rewriter.Map(node.Inputs[0]), rewriter.Map(node.Inputs[1])])[0];
        return [b.ApplyNamed(new BatchNormalization { Epsilon = Epsilon }, $"{node.Name}.bn", 1,
        [
            conv,
            b.Parameter($"{node.Name}.bn.weight", Tensor.Vector<float>([.. variance.Select(v => MathF.Sqrt(v + Epsilon))])),
            b.Parameter($"{node.Name}.bn.bias", Tensor.Vector<float>(mean)),
            b.Parameter($"{node.Name}.bn.running_mean", Tensor.Vector<float>(own), trainable: false),
            b.Parameter($"{node.Name}.bn.running_var", Tensor.Vector<float>(variance), trainable: false),
        ])[0]];
    }

    /// <summary>Mean and variance of each channel over batches of [N, C, ...].</summary>
    private sealed class Moments
    {
        private double[] _sum = [], _squares = [];
        private long _count;

        public (float[] Mean, float[] Variance) Result
        {
            get
            {
                var mean = Array.ConvertAll(_sum, s => s / _count);
                return ([.. mean.Select(m => (float)m)], [.. _squares.Select((q, c) => (float)Math.Max(0, q / _count - mean[c] * mean[c]))]);
            }
        }

        public void Add(Tensor tensor, int samples)
        {
            var channels = tensor.Shape[1];
            var plane = tensor.Shape.CountOf(2, tensor.Shape.Rank);
            if (_sum.Length == 0) (_sum, _squares) = (new double[channels], new double[channels]);
            var x = tensor.Span<float>();
            for (var row = 0; row < samples * channels; row++)
            {
                foreach (double v in x.Slice(row * plane, plane))
                {
                    _sum[row % channels] += v;
                    _squares[row % channels] += v * v;
                }
            }
            _count += (long)samples * plane;
        }
    }
}

/// <summary>The step in fluent recipes.</summary>
public static class UnfoldBatchNormRecipe
{
    /// <summary>Puts folded batch normalization back; see <see cref="Distillation.UnfoldBatchNorm"/>.</summary>
    public static Recipe UnfoldBatchNorm(this Recipe recipe, Func<UnfoldBatchNorm, UnfoldBatchNorm>? settings = null) =>
        recipe.Then(settings?.Invoke(new UnfoldBatchNorm()) ?? new UnfoldBatchNorm());
}
