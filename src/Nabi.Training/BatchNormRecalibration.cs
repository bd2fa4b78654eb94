using Nabi.Ops;
using Nabi.Runtime;
using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>
/// Computes the running statistics of batch normalizations anew, as plain means over some batches: after weights were changed without training (pruning,
/// averaging), the old ones no longer describe what the layers see (Izmailov et al. 2018, section 3.2).
/// </summary>
public static class BatchNormRecalibration
{
    /// <summary>The model with new running statistics; itself when it has no batch normalization.</summary>
    /// <param name="model">A classifier.</param>
    /// <param name="data">Training samples.</param>
    /// <param name="batches">Batches averaged, at least 1, fewer when the data set ends. Default 50.</param>
    /// <param name="batchSize">Samples in a batch. Default 100.</param>
    /// <param name="seed">Decides which samples. Default 0.</param>
    public static Graph Recalibrate(Graph model, DataSet data, int batches = 50, int batchSize = 100, ulong seed = 0)
    {
        batchSize = Math.Min(batchSize, data.Count);
        var input = ModelInput.Of(model, data);
        var outputs = new List<(Value Parameter, string Output)>();
        var graph = Measuring(OpenBatch.Of(model), batchSize, outputs);
        if (outputs.Count == 0) return model;
        var loader = new BatchLoader(data, new BatchOptions
        {
            BatchSize = batchSize,
            Seed = seed,
            Normalization = Normalization.From(model) ?? Normalization.None(data.Channels),
            SampleShape = input.SampleShape,
            ChannelsLast = input.IsChannelsLast,
        });
        var sums = outputs.ToDictionary(o => o.Parameter.Name, o => new double[o.Parameter.Shape.Count], StringComparer.Ordinal);
        var count = 0;
        using var session = new Session(graph);
        foreach (var batch in loader.Epoch(0).Take(Math.Max(1, batches)))
        {
            var results = session.Run(new Dictionary<string, Tensor>(StringComparer.Ordinal) { [input.Name] = batch.Inputs });
            foreach (var (parameter, output) in outputs)
            {
                var (sum, values) = (sums[parameter.Name], results[output].ToSingle());
                for (var i = 0; i < sum.Length; i++) sum[i] += values[i];
            }
            count++;
        }
        return model.WithParameters(outputs.ToDictionary(o => o.Parameter.Name,
            o => Tensor.Of(o.Parameter.Shape, Array.ConvertAll(sums[o.Parameter.Name], s => (float)(s / count))).Cast(o.Parameter.DType), StringComparer.Ordinal));
    }

    // The model in training mode with a momentum of 0, so that its "new running statistics" are those of the batch, as outputs.
    private static Graph Measuring(Graph model, int batchSize, List<(Value Parameter, string Output)> outputs)
    {
        var rewriter = new Rewriter(model, i => ModelRoles.WithBatch(model, i, batchSize));
        foreach (var node in model.Nodes)
        {
            if (node is not { Op: BatchNormalization { TrainingMode: false } norm, Inputs: [_, _, _, { Data: not null } mean, { Data: not null } variance] })
            {
                rewriter.Visit(node, null);
                continue;
            }
            var values = rewriter.Builder.ApplyNamed(norm with { TrainingMode = true, Momentum = 0 }, node.Name, 5, [.. node.Inputs.Select(rewriter.Map)]);
            rewriter.Visit(node, [values[0]]);
            foreach (var (parameter, value) in new[] { (mean, values[1]), (variance, values[2]) })
            {
                rewriter.Builder.Output($"statistic {outputs.Count}", value);
                outputs.Add((parameter, $"statistic {outputs.Count}"));
            }
        }
        return rewriter.Builder.Build();
    }
}
