using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression.Pruning;

/// <summary>Gradients of the classification loss with respect to parameters, batch by batch, in inference mode.</summary>
internal static class LossGradients
{
    /// <summary>For every batch the gradient of the mean cross entropy, by parameter name. A batch's tensors are valid until the next.</summary>
    public static IEnumerable<IReadOnlyDictionary<string, Tensor>> PerBatch(Graph graph, IReadOnlyCollection<string> parameters,
        BatchLoader loader, int threads)
    {
        var model = graph.WithBatch(loader.Options.BatchSize);
        var rewriter = new Rewriter(model);
        foreach (var node in model.Nodes) rewriter.Visit(node, null);
        var b = rewriter.Builder;
        var logits = ModelRoles.Logits(model, rewriter);
        var targets = b.Input("targets", DType.Float32, logits.Shape);
        var loss = new CrossEntropy().Build(b, logits, targets);
        var wanted = model.Parameters.Where(p => parameters.Contains(p.Name)).ToArray();
        var gradients = Gradients.Add(b, loss, [.. wanted.Select(p => rewriter[p])]);
        for (var i = 0; i < wanted.Length; i++) b.Output(wanted[i].Name, gradients[i]);
        using var session = new Session(b.Build(), new SessionOptions { Threads = threads });
        foreach (var batch in loader.Epoch(0))
            yield return session.Run(new Dictionary<string, Tensor>(StringComparer.Ordinal)
            {
                [graph.Inputs[0].Name] = batch.Inputs,
                [targets.Name] = batch.Targets
            });
    }
}
