using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>Many products of matrices of one shape. Few are shared matrix by matrix, many are given to workers whole: the bits are the same.</summary>
internal unsafe struct BatchedGemm
{
    // Products per worker from which giving them away whole keeps the workers equally busy.
    private const int EnoughEach = 4;

    /// <summary>Rows of a result.</summary>
    public int M;

    /// <summary>Columns of a result.</summary>
    public int N;

    /// <summary>Length of the reduction.</summary>
    public int K;

    /// <summary>Are left matrices stored K x M?</summary>
    public bool IsLeftTransposed;

    /// <summary>Are right matrices stored N x K? Not together with <see cref="IsLeftTransposed"/>.</summary>
    public bool IsRightTransposed;

    /// <summary>Floats of scratch memory for <see cref="Run"/>.</summary>
    public readonly long ScratchSize(int workers, int count) =>
        IsLeftTransposed ? Gemm.TransposedScratchSize(N, workers) : Gemm.PackedSize(N, K) * (GivesWhole(workers, count) ? workers : 1);

    /// <summary>c[i] = a x b for every pair of starts.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="starts">Pinned; where in <paramref name="a"/> and <paramref name="b"/> the matrices of each product start.</param>
    /// <param name="a">Left matrices.</param>
    /// <param name="b">Right matrices.</param>
    /// <param name="c">Results, one after the other.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats.</param>
    public readonly void Run(WorkPool pool, long[] starts, float* a, float* b, float* c, float* scratch)
    {
        var count = starts.Length / 2;
        if (count == 0) return;
        if (GivesWhole(pool.Workers, count))
        {
            var kernel = new WholeKernel { Shape = this, Starts = (long*)Unsafe.AsPointer(ref starts[0]), Count = count, A = a, B = b, C = c, Scratch = scratch };
            pool.Run(ref kernel, (long)count * M * N * Math.Max(1, K));
            return;
        }
        for (var i = 0; i < count; i++)
        {
            var left = a + starts[2 * i];
            var right = b + starts[(2 * i) + 1];
            var result = c + ((long)i * M * N);
            if (IsLeftTransposed) Gemm.RunTransposed(pool, M, N, K, left, M, right, N, result, N, default, scratch);
            else Gemm.Run(pool, M, N, K, left, K, right, IsRightTransposed ? K : N, IsRightTransposed, result, N, default, scratch);
        }
    }

    private static bool GivesWhole(int workers, int count) => count >= workers * EnoughEach;

    private struct WholeKernel : IKernel
    {
        public BatchedGemm Shape;
        public long* Starts;
        public int Count;
        public float* A;
        public float* B;
        public float* C;
        public float* Scratch;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (first, last) = WorkPool.Share(Count, worker, workers);
            var own = Scratch + (Shape.ScratchSize(1, 1) * worker);
            for (var i = first; i < last; i++)
            {
                var a = A + Starts[2 * i];
                var b = B + Starts[(2 * i) + 1];
                var sink = new FloatSink(C + ((long)i * Shape.M * Shape.N), Shape.N, default);
                if (Shape.IsLeftTransposed) Gemm.RunTransposed<L, V>(Shape.M, Shape.N, Shape.K, a, b, sink, own);
                else Gemm.RunPacking<L, V>(Shape.M, Shape.N, Shape.K, a, b, Shape.IsRightTransposed, sink, own);
            }
        }
    }
}
