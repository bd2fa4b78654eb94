namespace Nabi.Runtime.Kernels;

/// <summary>c' = f c + i tanh(g), h' = o tanh(c') from the sums of the gates i, o, f, g of each sequence.</summary>
internal unsafe struct LongShortTermGates : IKernel
{
    public int Batch;
    public int Hidden;

    /// <summary>[Batch, 4 Hidden].</summary>
    public float* Sums;

    public float* Cell;
    public float* Next;

    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (first, last) = WorkPool.Share(Batch, worker, workers);
        for (var n = first; n < last; n++)
        {
            float* sums = Sums + (n * 4L * Hidden), cell = Cell + ((long)n * Hidden), next = Next + ((long)n * Hidden);
            for (var i = 0; i < Hidden; i += L.Count)
            {
                var left = Hidden - i;
                var input = VectorMath.Sigmoid<L, V>(Simd.Load<L, V>(sums + i, left));
                var output = VectorMath.Sigmoid<L, V>(Simd.Load<L, V>(sums + Hidden + i, left));
                var forget = VectorMath.Sigmoid<L, V>(Simd.Load<L, V>(sums + (2 * Hidden) + i, left));
                var candidate = VectorMath.Tanh<L, V>(Simd.Load<L, V>(sums + (3 * Hidden) + i, left));
                var c = L.MultiplyAdd(forget, Simd.Load<L, V>(cell + i, left), L.Multiply(input, candidate));
                Simd.Store<L, V>(c, cell + i, left);
                Simd.Store<L, V>(L.Multiply(output, VectorMath.Tanh<L, V>(c)), next + i, left);
            }
        }
    }
}

/// <summary>r h, with r the second of two gates.</summary>
internal unsafe struct GatedReset : IKernel
{
    public int Batch;
    public int Hidden;

    /// <summary>[Batch, 2 Hidden].</summary>
    public float* Gates;

    public float* State;
    public float* Product;

    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (first, last) = WorkPool.Share(Batch, worker, workers);
        for (var n = first; n < last; n++)
        {
            float* reset = Gates + (((2L * n) + 1) * Hidden), state = State + ((long)n * Hidden), product = Product + ((long)n * Hidden);
            for (var i = 0; i < Hidden; i += L.Count)
                Simd.Store<L, V>(L.Multiply(Simd.Load<L, V>(reset + i, Hidden - i), Simd.Load<L, V>(state + i, Hidden - i)), product + i, Hidden - i);
        }
    }
}

/// <summary>h' = (1 - z) n + z h with the gates z and r; n is the candidate, or tanh(input + r candidate).</summary>
internal unsafe struct GatedUpdate : IKernel
{
    public int Batch;
    public int Hidden;

    /// <summary>[Batch, 2 Hidden].</summary>
    public float* Gates;

    /// <summary>The candidates' share of the inputs, rows of 3 Hidden; null if the candidates are finished.</summary>
    public float* Inputs;

    public float* Candidates;
    public float* State;
    public float* Next;

    public readonly void Run<L, V>(int worker, int workers)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var (first, last) = WorkPool.Share(Batch, worker, workers);
        for (var n = first; n < last; n++)
        {
            var at = (long)n * Hidden;
            float* update = Gates + (2 * at), reset = update + Hidden;
            for (var i = 0; i < Hidden; i += L.Count)
            {
                var left = Hidden - i;
                var candidate = Simd.Load<L, V>(Candidates + at + i, left);
                if (Inputs is not null)
                    candidate = VectorMath.Tanh<L, V>(L.MultiplyAdd(Simd.Load<L, V>(reset + i, left), candidate, Simd.Load<L, V>(Inputs + (3 * at) + i, left)));
                var z = Simd.Load<L, V>(update + i, left);
                var next = L.MultiplyAdd(z, L.Subtract(Simd.Load<L, V>(State + at + i, left), candidate), candidate);
                Simd.Store<L, V>(next, Next + at + i, left);
            }
        }
    }
}
