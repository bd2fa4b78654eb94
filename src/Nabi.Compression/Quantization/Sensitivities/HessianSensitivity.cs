using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Compression.Quantization.Sensitivities;

/// <summary>
/// The mean trace of the loss's Hessian with respect to a layer's weights, times their squared rounding error (Dong et al. 2020, HAWQ-V2, section 3.3:
/// Omega = Tr(H) / n ||Q(W) - W||^2). The trace is Hutchinson's estimate v'Hv with v of plus and minus ones (equation 6), drawn for all layers at
/// once: products between layers have mean zero. Hv is the gradient of g'v, which is a graph like every gradient.
/// </summary>
internal sealed class HessianSensitivity : LayerSensitivity
{
    private const int Draws = 4;

    /// <inheritdoc/>
    public override IReadOnlyList<double[]> Damage(QuantizationPreparation prepared, IReadOnlyList<int> bits, int samples, CompressionContext context)
    {
        var weights = prepared.Layers.Select(l => l.Inputs[WeightAxes.Of(l)!.Value.Input]!).ToArray();
        var traces = Traces(prepared.Folded, weights, samples, context);
        return [.. prepared.Layers.Select((layer, i) => bits.Select(b =>
        {
            if (b == Quantize.FloatBits) return 0;
            var axes = WeightAxes.Of(layer)!.Value;
            var grid = WeightGrid.Fit(weights[i].Data!, axes, prepared.Settings.Weights with { Bits = b });
            var (exact, numbers, groups) = (weights[i].Data!.ToSingle(), grid.Round(weights[i].Data!).ToInt64(), grid.Groups(weights[i].Shape));
            var (scales, zeros, error) = (grid.Scales.ToSingle(), grid.Zeros?.ToInt64(), 0.0);
            for (var k = 0; k < exact.Length; k++)
            {
                var difference = exact[k] - scales[groups[k]] * (double)(numbers[k] - (zeros?[groups[k]] ?? 0));
                error += difference * difference;
            }
            // A saddle has directions that fall; damage is not a gain.
            return Math.Max(0, traces[i]) / exact.Length * error;
        }).ToArray())];
    }

    /// <summary>The trace of the Hessian of the mean cross entropy with respect to each weight.</summary>
    internal static double[] Traces(Graph graph, IReadOnlyList<Value> weights, int samples, CompressionContext context)
    {
        var loader = CalibrationBatches.Of(graph, context, samples);
        var model = graph.WithBatch(loader.Options.BatchSize);
        var rewriter = new Rewriter(model);
        foreach (var node in model.Nodes) rewriter.Visit(node, null);
        var b = rewriter.Builder;
        var logits = ModelRoles.Logits(model, rewriter);
        var targets = b.Input("targets", DType.Float32, logits.Shape);
        var loss = new CrossEntropy().Build(b, logits, targets);
        var own = weights.Select(w => rewriter[model.Parameter(w.Name)!]).ToArray();
        var directions = own.Select((w, i) => b.Input($"direction.{i}", DType.Float32, w.Shape)).ToArray();
        var gradients = Gradients.Add(b, loss, own);
        var along = gradients.Select((g, i) => b.ReduceSum(b.Mul(g, directions[i]), [], keepdims: false)).Aggregate(b.Add);
        var products = Gradients.Add(b, along, own);
        for (var i = 0; i < own.Length; i++) b.Output($"trace.{i}", b.ReduceSum(b.Mul(products[i], directions[i]), [], keepdims: false));
        using var session = new Session(b.Build(), new SessionOptions { Threads = context.Threads });
        var (traces, runs, rng) = (new double[own.Length], 0, context.RngFor(0x7ACE));
        for (var draw = 0; draw < Draws; draw++)
        {
            foreach (var batch in loader.Epoch(0))
            {
                context.Report("estimating traces", (double)(draw * loader.Steps + batch.Step) / (Draws * loader.Steps));
                var feed = new Dictionary<string, Tensor>(StringComparer.Ordinal) { [graph.Inputs[0].Name] = batch.Inputs, [targets.Name] = batch.Targets };
                for (var i = 0; i < own.Length; i++)
                {
                    var direction = Tensor.Empty(DType.Float32, own[i].Shape);
                    foreach (ref var v in direction.Span<float>()) v = rng.Next(2) == 0 ? -1 : 1;
                    feed[directions[i].Name] = direction;
                }
                var outputs = session.Run(feed);
                for (var i = 0; i < own.Length; i++) traces[i] += outputs[$"trace.{i}"].Item();
                runs++;
            }
        }
        return Array.ConvertAll(traces, t => t / runs);
    }
}
