namespace Nabi.Runtime.Kernels;

/// <summary>The cells of <see cref="RecurrentLayer"/>.</summary>
internal enum RecurrentCellKind
{
    /// <summary>h' = tanh(W x + R h) (Elman 1990).</summary>
    Simple,

    /// <summary>Gates z, r, n (Cho et al. 2014); the reset gate is applied to h before its product.</summary>
    GatedResetBefore,

    /// <summary>The same with the reset gate applied to the product.</summary>
    GatedResetAfter,

    /// <summary>Gates i, o, f, c (Hochreiter and Schmidhuber 1997).</summary>
    LongShortTerm,
}

/// <summary>One direction of a recurrent layer: the inputs of all steps are multiplied together, then step by step the states.</summary>
internal sealed unsafe class RecurrentLayer
{
    /// <summary>The cell.</summary>
    public required RecurrentCellKind Kind { get; init; }

    /// <summary>Steps.</summary>
    public required int Steps { get; init; }

    /// <summary>Sequences.</summary>
    public required int Batch { get; init; }

    /// <summary>Length of an input.</summary>
    public required int Inputs { get; init; }

    /// <summary>Length of a state.</summary>
    public required int Hidden { get; init; }

    /// <summary>Is the last step done first?</summary>
    public required bool IsReversed { get; init; }

    /// <summary>Floats from the states of one step to those of the next in the result.</summary>
    public required long StepStride { get; init; }

    /// <summary>Floats of the packed weights.</summary>
    public long PackedSize => Gemm.PackedSize(Rows, Inputs) + Gemm.PackedSize(Together, Hidden) + Gemm.PackedSize(Rows - Together, Hidden);

    /// <summary>Floats of scratch memory.</summary>
    public long ScratchSize => ((long)Steps * Batch * Rows) + ((long)Batch * (Rows + Hidden));

    private bool IsGated => Kind is RecurrentCellKind.GatedResetBefore or RecurrentCellKind.GatedResetAfter;

    private int Rows => Hidden * (Kind == RecurrentCellKind.Simple ? 1 : IsGated ? 3 : 4);

    // Rows of R that are multiplied by the state as it is, at once.
    private int Together => IsGated ? 2 * Hidden : Rows;

    /// <summary>Packs weights.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="w">[gates x Hidden, Inputs].</param>
    /// <param name="r">[gates x Hidden, Hidden].</param>
    /// <param name="packed">Receives <see cref="PackedSize"/> floats.</param>
    public void Pack(WorkPool pool, float* w, float* r, float* packed)
    {
        Gemm.Pack(pool, Rows, Inputs, w, Inputs, transposed: true, packed);
        packed += Gemm.PackedSize(Rows, Inputs);
        Gemm.Pack(pool, Together, Hidden, r, Hidden, transposed: true, packed);
        packed += Gemm.PackedSize(Together, Hidden);
        Gemm.Pack(pool, Rows - Together, Hidden, r + ((long)Together * Hidden), Hidden, transposed: true, packed);
    }

    /// <summary>Runs all steps.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="x">[Steps, Batch, Inputs].</param>
    /// <param name="packed">From <see cref="Pack"/>.</param>
    /// <param name="bias">Of W, then of R: [2, gates x Hidden]; or null.</param>
    /// <param name="h">First state, [Batch, Hidden].</param>
    /// <param name="c">Cell state, [Batch, Hidden]: the first before, the last after; unused without <see cref="RecurrentCellKind.LongShortTerm"/>.</param>
    /// <param name="y">Receives the states of each step, <see cref="StepStride"/> apart.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    /// <returns>The last state: in <paramref name="y"/>, or <paramref name="h"/> without steps.</returns>
    public float* Run(WorkPool pool, float* x, float* packed, float* bias, float* h, float* c, float* y, float* scratch)
    {
        float* projected = scratch, sums = scratch + ((long)Steps * Batch * Rows);
        Gemm.Run(pool, Steps * Batch, Rows, Inputs, x, Inputs, packed, projected, Rows, new Epilogue { Bias = bias });
        var weights = packed + Gemm.PackedSize(Rows, Inputs);
        var recurrentBias = bias is null ? null : bias + Rows;
        for (var step = 0; step < Steps; step++)
        {
            var t = IsReversed ? Steps - 1 - step : step;
            float* inputs = projected + ((long)t * Batch * Rows), next = y + (t * StepStride);
            var epilogue = new Epilogue { Bias = recurrentBias, Residual = inputs, ResidualStride = Rows, Activation = Squash };
            if (Kind == RecurrentCellKind.Simple)
            {
                Gemm.Run(pool, Batch, Rows, Hidden, h, Hidden, weights, next, Hidden, epilogue);
            }
            else
            {
                Gemm.Run(pool, Batch, Together, Hidden, h, Hidden, weights, sums, Together, epilogue);
                if (IsGated)
                    RunGated(pool, weights + Gemm.PackedSize(Together, Hidden), recurrentBias, inputs, h, sums, next);
                else
                    RunLongShortTerm(pool, sums, c, next);
            }
            h = next;
        }
        return h;
    }

    private Unary Squash => Kind switch
    {
        RecurrentCellKind.Simple => new Unary(UnaryKind.Tanh),
        RecurrentCellKind.LongShortTerm => Unary.Identity,
        _ => new Unary(UnaryKind.Sigmoid),
    };

    private void RunLongShortTerm(WorkPool pool, float* sums, float* c, float* next)
    {
        var kernel = new LongShortTermGates { Batch = Batch, Hidden = Hidden, Sums = sums, Cell = c, Next = next };
        pool.Run(ref kernel, GateWork * Batch * Hidden);
    }

    // The first two gates are there already; what is left are the candidates.
    private void RunGated(WorkPool pool, float* weights, float* bias, float* inputs, float* h, float* gates, float* next)
    {
        var isBefore = Kind == RecurrentCellKind.GatedResetBefore;
        var candidates = gates + ((long)Batch * Together);
        var epilogue = new Epilogue { Bias = bias is null ? null : bias + Together };
        var kernel = new GatedUpdate
        {
            Batch = Batch, Hidden = Hidden, Gates = gates, State = h, Candidates = candidates, Next = next,
            Inputs = isBefore ? null : inputs + Together,
        };
        if (isBefore)
        {
            var reset = candidates + ((long)Batch * Hidden);
            var product = new GatedReset { Batch = Batch, Hidden = Hidden, Gates = gates, State = h, Product = reset };
            pool.Run(ref product, (long)Batch * Hidden);
            epilogue = epilogue with { Residual = inputs + Together, ResidualStride = Rows, Activation = new Unary(UnaryKind.Tanh) };
            Gemm.Run(pool, Batch, Hidden, Hidden, reset, Hidden, weights, candidates, Hidden, epilogue);
        }
        else
        {
            Gemm.Run(pool, Batch, Hidden, Hidden, h, Hidden, weights, candidates, Hidden, epilogue);
        }
        pool.Run(ref kernel, GateWork * Batch * Hidden);
    }

    // A state's gates cost about as much as so many multiply-adds.
    private const long GateWork = 40;
}
