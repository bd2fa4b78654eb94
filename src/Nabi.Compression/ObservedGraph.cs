using Nabi.Runtime;

namespace Nabi.Compression;

/// <summary>A graph that gives chosen values besides its outputs: how calibration and per-layer comparison look inside.</summary>
internal sealed class ObservedGraph : IDisposable
{
    private readonly Session _session;
    private readonly string _input;

    /// <summary>Prepares a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="values">Names of the values to give.</param>
    /// <param name="batchSize">Samples in a batch.</param>
    /// <param name="threads">Threads to use.</param>
    public ObservedGraph(Graph graph, IReadOnlyCollection<string> values, int batchSize, int threads)
    {
        var observed = WithOutputs(graph.WithBatch(batchSize), values.ToHashSet(StringComparer.Ordinal));
        _session = new Session(observed, new SessionOptions { Threads = threads });
        _input = graph.Inputs[0].Name;
    }

    /// <summary>The values of one batch, by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Run(Tensor batch) => _session.Run(new Dictionary<string, Tensor> { [_input] = batch });

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private static Graph WithOutputs(Graph graph, HashSet<string> names)
    {
        var builder = new GraphBuilder(graph.Name);
        var map = new Dictionary<Value, Value>();
        foreach (var input in graph.Inputs) Keep(input, builder.Input(input.Name, input.DType, input.Shape));
        foreach (var p in graph.Parameters) map[p] = builder.Parameter(p.Name, p.Data!, p.IsTrainable);
        foreach (var node in graph.Nodes)
        {
            var outputs = builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, [.. node.Inputs.Select(v => v is null ? null : map[v])],
                [.. node.Outputs.Select(o => o.Name)]);
            for (var i = 0; i < outputs.Count; i++) Keep(node.Outputs[i], outputs[i]);
        }
        return builder.Build();

        void Keep(Value old, Value made)
        {
            map[old] = made;
            if (names.Contains(old.Name)) builder.Output(old.Name, made);
        }
    }
}
