namespace Nabi.Runtime.Planning;

/// <summary>What a step may use while it runs.</summary>
internal sealed class RunContext(Kernels.WorkPool pool, Rng rng)
{
    public Kernels.WorkPool Pool { get; } = pool;

    public Rng Rng { get; } = rng;
}

/// <summary>One kernel call of a plan. The action reads the slots' addresses each time and allocates nothing.</summary>
internal sealed class Step(string name, string kernel, Slot[] inputs, Slot[] outputs, Action<RunContext> run)
{
    /// <summary>The graph nodes it does.</summary>
    public string Name { get; } = name;

    /// <summary>Kernel and variant.</summary>
    public string Kernel { get; } = kernel;

    public IReadOnlyList<Slot> Inputs { get; } = inputs;

    public IReadOnlyList<Slot> Outputs { get; } = outputs;

    public Action<RunContext> Run { get; } = run;

    /// <summary>Memory needed only during this step.</summary>
    public IReadOnlyList<Slot> Scratch { get; init; } = [];

    /// <summary>Inputs whose memory an output may take over: the kernel reads each element before it writes it.</summary>
    public IReadOnlyList<(int Output, Slot Input)> InPlace { get; init; } = [];

    /// <summary>Multiply-accumulates.</summary>
    public long Macs { get; init; }

    /// <summary>Does it give the same result each time? Else it runs each time, whatever its inputs.</summary>
    public bool IsDeterministic { get; init; } = true;

    /// <summary>Is it the operator's reference evaluation?</summary>
    public bool IsReference { get; init; }
}
