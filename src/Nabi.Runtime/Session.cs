using System.Buffers;
using Nabi.Runtime.Kernels;
using Nabi.Runtime.Planning;

namespace Nabi.Runtime;

/// <summary>
/// Runs a graph on this machine. The graph is planned once per set of input shapes. Parameters that no update writes are packed when
/// the plan is made (see <see cref="ReloadParameters"/>); parameters that the graph updates (training) are read and written in place, in
/// <see cref="Value.Data"/>.
/// </summary>
/// <remarks>One run at a time: a second caller waits; to run at once, see <see cref="Share"/>. The same inputs and number of threads give the same bits.</remarks>
public sealed class Session : IDisposable
{
    private readonly Lock _turn = new();
    private readonly PinnedTensors _pins = new();
    private readonly Dictionary<string, Plan?> _plans = new(StringComparer.Ordinal);
    private readonly MemoryHandle[] _handles;
    private readonly Shape[] _shapes;
    private readonly RunContext _context;
    private readonly Session? _lender;
    private Plan? _current;
    private NativeBlock? _arena;
    private bool _isDisposed;

    /// <summary>Plans the graph for this machine, or, if its input shapes are not all known, when a run gives them.</summary>
    /// <exception cref="NabiException">The number of threads is out of range.</exception>
    public Session(Graph graph, SessionOptions? options = null) : this(graph, options, lender: null) { }

    private Session(Graph graph, SessionOptions? options, Session? lender)
    {
        _lender = lender;
        Graph = graph;
        Options = options ?? new SessionOptions();
        if (Options.Threads is < 1 or > WorkPool.MaxWorkers)
            throw new NabiException($"A session cannot run on {Options.Threads} threads; give 1 to {WorkPool.MaxWorkers}.");
        Rng = new Rng(Options.Seed);
        _handles = new MemoryHandle[graph.Inputs.Count];
        _shapes = [.. graph.Inputs.Select(i => i.Shape)];
        _context = new RunContext(new WorkPool(Options.Threads), Rng);
        if (Array.TrueForAll(_shapes, s => s.IsKnown)) _current = PlanFor(_shapes);
    }

    /// <summary>The graph.</summary>
    public Graph Graph { get; }

    /// <summary>The options.</summary>
    public SessionOptions Options { get; }

    /// <summary>The source of chance of operators that draw random numbers; its state is part of a training checkpoint.</summary>
    public Rng Rng { get; }

    /// <summary>
    /// The plan of the last run, or of the graph's own input shapes; null before the first run of a graph with unknown input shapes,
    /// and for a graph in which shapes depend on data, which is evaluated node by node.
    /// </summary>
    public Plan? Plan => _current;

    /// <summary>Plans for the given input shapes, in the order of <see cref="Graph.Inputs"/>, without running.</summary>
    /// <returns>The plan, or null if shapes inside the graph depend on data.</returns>
    /// <exception cref="NabiException">A shape does not fit its input.</exception>
    public Plan? PlanFor(params ReadOnlySpan<Shape> shapes)
    {
        if (shapes.Length != Graph.Inputs.Count) throw new NabiException($"Graph '{Graph.Name}' has {Graph.Inputs.Count} inputs, but {shapes.Length} shapes were given.");
        var given = shapes.ToArray();
        lock (_turn)
        {
            var key = string.Join(';', given.Select(s => s.ToString()));
            if (_plans.TryGetValue(key, out var plan)) return plan;
            var bound = Binding.Bind(Graph, given);
            plan = bound is null ? null : Planner.Make(bound, Options, _pins);
            if (plan is not null && _lender?.TryLend(plan, given) is not true) plan.Prepare(_context);
            return _plans[key] = plan;
        }
    }

    /// <summary>
    /// Another session on the same graph that uses this one's packed weights, so that several can run at once, each with threads and an arena of
    /// its own, for the memory of one. Either may be disposed first.
    /// </summary>
    /// <param name="options">Its options; null is this session's.</param>
    /// <exception cref="NabiException">The graph updates its parameters.</exception>
    public Session Share(SessionOptions? options = null)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (Graph.Updates.Count > 0) throw new NabiException($"Graph '{Graph.Name}' updates its parameters, so only one session at a time can run it; share a graph without updates.");
        return new Session(Graph, options ?? Options, this);
    }

    /// <summary>Runs the graph once and applies its updates.</summary>
    /// <param name="inputs">A tensor for every input, by name.</param>
    /// <returns>New tensors for the outputs, by name.</returns>
    /// <exception cref="NabiException">An input is missing or does not fit.</exception>
    public IReadOnlyDictionary<string, Tensor> Run(IReadOnlyDictionary<string, Tensor> inputs)
    {
        lock (_turn)
        {
            var given = InOrder(inputs);
            if (Select(given) is not { } plan) return ReferenceEvaluator.Run(Graph, inputs, Rng);
            var outputs = OutputsFor(given);
            Execute(plan, given, outputs);
            var results = new Dictionary<string, Tensor>(outputs.Length, StringComparer.Ordinal);
            for (var i = 0; i < outputs.Length; i++) results[Graph.Outputs[i].Name] = outputs[i];
            return results;
        }
    }

    /// <summary>Runs the graph once, applies its updates, and writes the outputs into tensors of the caller: no managed memory is allocated.</summary>
    /// <param name="inputs">One tensor per input, in the order of <see cref="Graph.Inputs"/>.</param>
    /// <param name="outputs">One tensor per output, in the order of <see cref="Graph.Outputs"/>, of the output's type and shape.</param>
    /// <exception cref="NabiException">A tensor does not fit, or shapes inside the graph depend on data.</exception>
    public void Run(ReadOnlySpan<Tensor> inputs, ReadOnlySpan<Tensor> outputs)
    {
        lock (_turn)
        {
            Check(inputs);
            var plan = Select(inputs) ?? throw DataDependent("so its outputs cannot be written into given tensors; use the overload that returns them");
            if (outputs.Length != plan.Outputs.Length) throw new NabiException($"Graph '{Graph.Name}' has {plan.Outputs.Length} outputs, but {outputs.Length} tensors were given.");
            for (var i = 0; i < outputs.Length; i++)
                if (outputs[i].DType != plan.Outputs[i].DType || !outputs[i].Shape.Equals(plan.Outputs[i].Shape))
                    throw new NabiException($"Output '{Graph.Outputs[i].Name}' is {plan.Outputs[i].DType}{plan.Outputs[i].Shape}, but a tensor {outputs[i].Type} was given for it.");
            Execute(plan, inputs, outputs);
        }
    }

    /// <summary>New tensors that fit the outputs for the given inputs, to be written by <see cref="Run(ReadOnlySpan{Tensor}, ReadOnlySpan{Tensor})"/>.</summary>
    /// <param name="inputs">One tensor per input, in the order of <see cref="Graph.Inputs"/>; only their shapes matter.</param>
    /// <exception cref="NabiException">A tensor does not fit, or shapes inside the graph depend on data.</exception>
    public Tensor[] OutputsFor(ReadOnlySpan<Tensor> inputs)
    {
        lock (_turn)
        {
            Check(inputs);
            var plan = Select(inputs) ?? throw DataDependent("so its outputs are not known before it runs");
            var outputs = new Tensor[plan.Outputs.Length];
            for (var i = 0; i < outputs.Length; i++) outputs[i] = Tensor.Empty(plan.Outputs[i].DType, plan.Outputs[i].Shape);
            return outputs;
        }
    }

    /// <summary>
    /// Packs the parameters again from <see cref="Value.Data"/>. Call it when something other than this session has changed them, for
    /// example a training session that shares the parameters with this one. Sessions made by <see cref="Share"/> must not run meanwhile.
    /// </summary>
    public void ReloadParameters()
    {
        lock (_turn)
            foreach (var plan in _plans.Values) plan?.Prepare(_context);
    }

    /// <summary>Measures every step of the plan.</summary>
    /// <param name="inputs">A tensor for every input, by name.</param>
    /// <param name="runs">Runs measured, at least 1. Updates are applied in each, as in <see cref="Run(IReadOnlyDictionary{string, Tensor})"/>.</param>
    /// <param name="clock">The clock.</param>
    /// <exception cref="NabiException">An input does not fit, or shapes inside the graph depend on data.</exception>
    public SessionProfile Profile(IReadOnlyDictionary<string, Tensor> inputs, int runs, TimeProvider clock)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(runs, 1);
        lock (_turn)
        {
            var given = InOrder(inputs);
            var plan = Select(given) ?? throw DataDependent("and is evaluated node by node; there is no plan to profile");
            var ticks = new long[plan.StepCount][];
            for (var i = 0; i < ticks.Length; i++) ticks[i] = new long[runs];
            for (var run = 0; run < runs; run++)
            {
                Enter(plan, given);
                for (var i = 0; i < ticks.Length; i++)
                {
                    var start = clock.GetTimestamp();
                    plan.RunStep(i, _context);
                    ticks[i][run] = clock.GetTimestamp() - start;
                }
                plan.ApplyUpdates();
                Leave();
            }
            return SessionProfile.Of(plan, ticks, clock, Options.Threads);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_turn)
        {
            if (_isDisposed) return;
            _isDisposed = true;
            _context.Pool.Dispose();
            foreach (var plan in _plans.Values) plan?.Release();
            _arena?.Dispose();
            _pins.Dispose();
        }
    }

    private bool TryLend(Plan to, Shape[] shapes)
    {
        lock (_turn) return !_isDisposed && PlanFor(shapes) is { } own && to.TryBorrow(own);
    }

    private NabiException DataDependent(string consequence) => new($"Graph '{Graph.Name}' has shapes that depend on data, {consequence}.");

    private Tensor[] InOrder(IReadOnlyDictionary<string, Tensor> inputs)
    {
        var given = new Tensor[Graph.Inputs.Count];
        for (var i = 0; i < given.Length; i++)
        {
            var input = Graph.Inputs[i];
            given[i] = inputs.TryGetValue(input.Name, out var tensor) ? tensor
                : throw new NabiException($"Input '{input.Name}' of graph '{Graph.Name}' was not given; it is {input.Type}.");
        }
        Check(given);
        return given;
    }

    private void Check(ReadOnlySpan<Tensor> inputs)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (inputs.Length != Graph.Inputs.Count) throw new NabiException($"Graph '{Graph.Name}' has {Graph.Inputs.Count} inputs, but {inputs.Length} tensors were given.");
        for (var i = 0; i < inputs.Length; i++)
        {
            var input = Graph.Inputs[i];
            if (inputs[i].DType != input.DType || !input.Shape.Accepts(inputs[i].Shape))
                throw new NabiException($"Input '{input.Name}' of graph '{Graph.Name}' is {input.Type}, but {inputs[i].Type} was given.");
        }
    }

    private Plan? Select(ReadOnlySpan<Tensor> inputs)
    {
        var isSame = _current is not null;
        for (var i = 0; i < inputs.Length; i++)
        {
            isSame &= inputs[i].Shape.Equals(_shapes[i]);
            _shapes[i] = inputs[i].Shape;
        }
        return isSame ? _current : _current = PlanFor(_shapes);
    }

    private unsafe void Execute(Plan plan, ReadOnlySpan<Tensor> inputs, ReadOnlySpan<Tensor> outputs)
    {
        Enter(plan, inputs);
        try
        {
            for (var i = 0; i < plan.StepCount; i++) plan.RunStep(i, _context);
            for (var i = 0; i < outputs.Length; i++)
                new ReadOnlySpan<byte>(plan.Outputs[i].Address, outputs[i].Bytes.Length).CopyTo(outputs[i].Bytes);
            plan.ApplyUpdates();
        }
        finally
        {
            Leave();
        }
    }

    private unsafe void Enter(Plan plan, ReadOnlySpan<Tensor> inputs)
    {
        if (_arena is null || _arena.Bytes < plan.ArenaBytes)
        {
            _arena?.Dispose();
            _arena = new NativeBlock(plan.ArenaBytes);
        }
        plan.PlaceIn(_arena);
        for (var i = 0; i < inputs.Length; i++)
        {
            _handles[i] = inputs[i].Memory.Pin();
            plan.Inputs[i].Place((byte*)_handles[i].Pointer);
        }
    }

    private void Leave()
    {
        foreach (ref var handle in _handles.AsSpan())
        {
            handle.Dispose();
            handle = default;
        }
    }
}
