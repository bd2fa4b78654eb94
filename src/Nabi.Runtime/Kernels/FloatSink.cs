using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The float result with its epilogue.</summary>
internal unsafe struct FloatSink(float* target, long stride, Epilogue epilogue) : ITileSink
{
    private Epilogue epilogue = epilogue;

    public readonly bool StoresDirectly => true;

    public readonly bool Accumulates => epilogue.Accumulate;

    public readonly float* Bias => epilogue.Bias;

    public readonly bool TryGetRange(out float low, out float high)
    {
        var ranged = epilogue.Activation.TryGetRange(out low, out high);
        return ranged && epilogue.Activation.Kind != UnaryKind.Identity && epilogue.Residual is null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly float* Target(long number) => target + (number * stride);

    public float* TakeResidual(out long residualStride)
    {
        residualStride = epilogue.ResidualStride;
        var residual = epilogue.Activation.TryGetRange(out _, out _) && !epilogue.Accumulate ? epilogue.Residual : null;
        if (residual is not null)
            epilogue = epilogue with { Residual = null };
        return residual;
    }

    public readonly void Close<L, V>(float* tile, int tileStride, long* numbers, int count, int column, int columns, bool last)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        if (tile is not null)
        {
            for (var i = 0; i < count; i++)
                TileLoop.CopyColumns<V>(tile + (i * tileStride), Target(numbers[i]) + column, L.Count, columns);
        }
        if (!last || (epilogue.Residual is null && epilogue.Activation.TryGetRange(out _, out _)))
            return;
        for (var i = 0; i < count; i++)
        {
            var row = Target(numbers[i]) + column;
            var residual = epilogue.Residual is null ? null : epilogue.Residual + (numbers[i] * epilogue.ResidualStride) + column;
            var finish = new FinishRow { Row = row, Residual = residual, Count = columns };
            epilogue.Activation.Accept(ref finish);
        }
    }

    /// <summary>Adds the residual to a stretch of a row that is still in the first-level cache and applies the activation.</summary>
    private struct FinishRow : IUnaryVisitor
    {
        public float* Row;
        public float* Residual;
        public int Count;

        public void Visit<TOp>(TOp op)
            where TOp : unmanaged, IUnaryOp
        {
            var kernel = new FinishKernel<TOp> { Row = Row, Residual = Residual, Count = Count, Op = op };
            Simd.Run(ref kernel, 0, 1);
        }
    }

    private struct FinishKernel<TOp> : IKernel
        where TOp : unmanaged, IUnaryOp
    {
        public float* Row;
        public float* Residual;
        public int Count;
        public TOp Op;

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var i = 0;
            for (; i <= Count - L.Count; i += L.Count)
            {
                var x = L.Load(Row + i);
                if (Residual is not null)
                    x = L.Add(x, L.Load(Residual + i));
                L.Store(Op.Invoke<L, V>(x), Row + i);
            }
            if (i == Count)
                return;
            var tail = Simd.LoadPart<V>(Row + i, Count - i);
            if (Residual is not null)
                tail = L.Add(tail, Simd.LoadPart<V>(Residual + i, Count - i));
            Simd.StorePart(Op.Invoke<L, V>(tail), Row + i, Count - i);
        }
    }
}
