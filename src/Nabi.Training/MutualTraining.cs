using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>
/// Trains a cohort of networks that teach each other: Zhang et al. 2018, "Deep Mutual Learning", section 2. Each learns from the labels and from the mean
/// divergence to the others' predictions (equations 4 and 5); none has to be larger or trained before. It is one <see cref="Trainer"/> whose model holds the whole cohort.
/// </summary>
/// <remarks>The networks see the same batches and differ by their initial weights or architectures; see <see cref="MutualLearning"/> for the order of updates.</remarks>
public sealed class MutualTraining
{
    private readonly IReadOnlyList<Graph> _networks;
    private readonly Trainer _trainer;

    /// <summary>Prepares a training.</summary>
    /// <param name="networks">Two networks or more, of the same input and classes.</param>
    /// <param name="data">The training samples.</param>
    /// <param name="options">What decides the result; an epoch costs as much as one of each network.</param>
    /// <param name="threads">Threads; one per processor when not given.</param>
    /// <param name="checkpoints">Saving and resuming; none when not given.</param>
    /// <exception cref="NabiException">Networks, data and options do not fit together.</exception>
    public MutualTraining(IReadOnlyList<Graph> networks, DataSet data, TrainingOptions options, int? threads = null, CheckpointOptions? checkpoints = null)
    {
        if (networks.Count < 2) throw new NabiException("Mutual learning needs two networks or more.");
        _networks = networks;
        _trainer = new Trainer(Cohort(networks), data, options with { Guidance = [.. options.Guidance, new MutualLearning()] })
        {
            Threads = threads ?? Environment.ProcessorCount,
            Checkpoints = checkpoints,
        };
    }

    /// <summary>Trains, once.</summary>
    /// <param name="progress">Told about the first network.</param>
    /// <param name="cancellation">Ends the training after the step under way.</param>
    /// <returns>The networks in the order given, each with the history of the whole cohort: the loss is their sum, the accuracy that of the first.</returns>
    public IReadOnlyList<TrainingResult> Run(IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        var result = _trainer.Run(progress, cancellation);
        return [.. _networks.Select((n, i) => result with { Model = Member(n, i, result.Model) })];
    }

    // All networks side by side on one input, output k the scores of network k.
    private static Graph Cohort(IReadOnlyList<Graph> networks)
    {
        var open = networks.Select(OpenBatch.Of).ToArray();
        var first = open[0].Inputs is [var only] ? only : throw new NabiException($"Model '{open[0].Name}' has {open[0].Inputs.Count} inputs; classifiers with one can learn from each other.");
        var b = new GraphBuilder(open[0].Name) { Metadata = open[0].Metadata.Remove(MetadataKeys.AuxiliaryLoss) };
        var input = b.Input(first.Name, first.DType, first.Shape);
        for (var i = 0; i < open.Length; i++)
        {
            var network = open[i];
            if (network.Metadata.ContainsKey(MetadataKeys.AuxiliaryLoss)) throw new NabiException($"Model '{network.Name}' has a loss of its own; such networks cannot be in a cohort.");
            if (network.Inputs is not [var mine] || mine.Type != first.Type || network.Outputs.Count == 0)
                throw new NabiException($"Model '{network.Name}' does not take what '{open[0].Name}' takes ({first}); a cohort shares its samples.");
            var map = new Dictionary<Value, Value> { [mine] = input };
            foreach (var p in network.Parameters) map[p] = b.Parameter(Named(i, p.Name), p.Data!, p.IsTrainable);
            foreach (var node in network.Nodes)
            {
                var outputs = b.ApplyNamed(node.Op, Named(i, node.Name), node.Outputs.Count, [.. node.Inputs.Select(v => v is null ? null : map[v])], [.. node.Outputs.Select(o => Named(i, o.Name))]);
                for (var o = 0; o < outputs.Count; o++) map[node.Outputs[o]] = outputs[o];
            }
            b.Output(Named(i, network.Outputs[0].Name), map[network.Outputs[0].Value]);
        }
        return b.Build();
    }

    private static Graph Member(Graph network, int index, Graph cohort)
    {
        var learned = cohort.Parameters.ToDictionary(p => p.Name, p => p.Data!, StringComparer.Ordinal);
        return network.WithParameters(network.Parameters.Where(p => learned.ContainsKey(Named(index, p.Name))).ToDictionary(p => p.Name, p => learned[Named(index, p.Name)], StringComparer.Ordinal))
            .WithMetadata(network.Metadata.SetItems(cohort.Metadata.Remove(MetadataKeys.Architecture)));
    }

    private static string Named(int network, string name) => $"{network}/{name}";
}
