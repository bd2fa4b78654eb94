namespace Nabi.Runtime;

/// <summary>
/// Runs a graph on this machine. Parameters that no update writes are packed when the session is made; parameters that the graph
/// updates (training) are read and written in place, in <see cref="Value.Data"/>.
/// </summary>
public sealed class Session : IDisposable
{
    /// <summary>Plans the graph for this machine.</summary>
    public Session(Graph graph, SessionOptions? options = null)
    {
        Graph = graph;
        Options = options ?? new SessionOptions();
        Rng = new Rng(Options.Seed);
    }

    /// <summary>The graph.</summary>
    public Graph Graph { get; }

    /// <summary>The options.</summary>
    public SessionOptions Options { get; }

    /// <summary>The source of chance of operators that draw random numbers; its state is part of a training checkpoint.</summary>
    public Rng Rng { get; }

    /// <summary>Runs the graph once and applies its updates.</summary>
    /// <param name="inputs">A tensor for every input, by name.</param>
    /// <returns>New tensors for the outputs, by name.</returns>
    /// <exception cref="NabiException">An input is missing or does not fit.</exception>
    public IReadOnlyDictionary<string, Tensor> Run(IReadOnlyDictionary<string, Tensor> inputs) => ReferenceEvaluator.Run(Graph, inputs, Rng);

    /// <inheritdoc/>
    public void Dispose() { }
}
