using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression.Pruning;

/// <summary>
/// The diagonal of the Hessian of the mean cross entropy with respect to weights, in the Levenberg-Marquardt (Gauss-Newton) form that LeCun, Denker and
/// Solla 1990, Optimal Brain Damage, section 2.2, take: terms with second derivatives of activations are left out, so that nothing is negative. Where activations are piecewise
/// linear (ReLU, max pooling) those terms are zero and this is the Hessian's diagonal itself.
/// </summary>
/// <remarks>
/// With J the derivative of a sample's scores by the weights and p its softmax, the matrix is the mean of J' (diag p - p p') J. LeCun et al.
/// propagate second derivatives back layer by layer and drop what couples two units of a layer. Here nothing is dropped: for L = diag(sqrt p) - p sqrt(p)',
/// so that L L' = diag p - p p', and random signs v, the squares of (sum over samples of J' L v) have the diagonal as their expectation (Martens,
/// Sutskever and Swersky 2012, Estimating the Hessian by Back-propagating Curvature). That takes one backward pass per direction and batch; n of
/// them know each number to a relative deviation of about sqrt(2 / n).
/// </remarks>
internal static class LossCurvature
{
    /// <summary>Estimates the diagonal.</summary>
    /// <param name="graph">A classifier, in inference mode.</param>
    /// <param name="parameters">Names of the weights.</param>
    /// <param name="loader">Batches of samples.</param>
    /// <param name="probes">Random directions per batch.</param>
    /// <param name="rng">Chance.</param>
    /// <param name="context">Threads, progress, cancellation.</param>
    /// <returns>By name the second derivatives, in the order of the weight's numbers.</returns>
    public static Dictionary<string, float[]> Diagonal(Graph graph, IReadOnlyCollection<string> parameters, BatchLoader loader, int probes, Rng rng,
        CompressionContext context)
    {
        var (step, wanted, signs) = Build(graph, parameters, loader.Options.BatchSize);
        using var session = new Session(step, new SessionOptions { Threads = context.Threads });
        var sums = wanted.ToDictionary(p => p.Name, p => new double[p.Shape.Count], StringComparer.Ordinal);
        var samples = 0L;
        foreach (var batch in loader.Epoch(0))
        {
            context.Report("second derivatives", (double)batch.Step / loader.Steps);
            samples += batch.Count;
            for (var probe = 0; probe < probes; probe++)
            {
                Draw(signs, batch.Count, rng);
                var outputs = session.Run(new Dictionary<string, Tensor>(StringComparer.Ordinal) { [graph.Inputs[0].Name] = batch.Inputs, ["signs"] = signs });
                foreach (var (name, sum) in sums) AddSquares(outputs[name].Span<float>(), sum);
            }
        }
        return sums.ToDictionary(s => s.Key, s => Array.ConvertAll(s.Value, v => (float)(v / (samples * probes))), StringComparer.Ordinal);
    }

    private static (Graph Step, Value[] Wanted, Tensor Signs) Build(Graph graph, IReadOnlyCollection<string> parameters, int batchSize)
    {
        var model = graph.WithBatch(batchSize);
        var rewriter = new Rewriter(model);
        foreach (var node in model.Nodes) rewriter.Visit(node, null);
        var b = rewriter.Builder;
        var logits = ModelRoles.Logits(model, rewriter);
        var signs = b.Input("signs", DType.Float32, logits.Shape);
        var share = b.Softmax(logits);
        var root = b.Mul(b.Sqrt(share), signs);
        var direction = b.Sub(root, b.Mul(share, b.ReduceSum(root, [1])));
        var wanted = model.Parameters.Where(p => parameters.Contains(p.Name)).ToArray();
        var gradients = Gradients.Add(b, logits, [.. wanted.Select(p => rewriter[p])], direction);
        for (var i = 0; i < wanted.Length; i++) b.Output(wanted[i].Name, gradients[i]);
        return (b.Build(), wanted, Tensor.Zeros(DType.Float32, logits.Shape));
    }

    // Samples that only fill a batch up get no direction and so add nothing.
    private static void Draw(Tensor signs, int count, Rng rng)
    {
        var classes = signs.Shape[1];
        var v = signs.Span<float>();
        v[(count * classes)..].Clear();
        for (var i = 0; i < count * classes; i++) v[i] = (rng.NextUInt64() & 1) == 0 ? -1 : 1;
    }

    private static void AddSquares(ReadOnlySpan<float> values, double[] sums)
    {
        for (var i = 0; i < sums.Length; i++) sums[i] += (double)values[i] * values[i];
    }
}
