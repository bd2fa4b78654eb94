using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>The float result with its epilogue.</summary>
internal unsafe struct FloatSink(float* target, long stride, Epilogue epilogue) : ITileSink
{
    private Epilogue epilogue = epilogue;

    public readonly bool StoresDirectly => true;

    public readonly bool Accumulates => epilogue.Accumulate;

    public readonly float* Bias => epilogue.Bias;

    public readonly bool FinishesInStore => epilogue.Residual is null && epilogue.Activation.TryGetRange(out _, out _);

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

    public readonly void Close<L, V>(float* tile, int tileStride, long* numbers, int count, int column, int columns)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        if (tile is null)
            return;
        for (var i = 0; i < count; i++)
            TileLoop.CopyColumns<V>(tile + (i * tileStride), Target(numbers[i]) + column, L.Count, columns);
    }

    public readonly void Finish(long* numbers, int count, int column, int columns)
    {
        var rows = new FinishRows
        {
            Target = target + column, Stride = stride, Residual = epilogue.Residual is null ? null : epilogue.Residual + column, ResidualStride = epilogue.ResidualStride,
            Numbers = numbers, Count = count, Columns = columns,
        };
        var areTogether = stride == columns && (epilogue.Residual is null || epilogue.ResidualStride == columns) && numbers[count - 1] - numbers[0] == count - 1;
        if (areTogether)
            (rows.Count, rows.Columns) = (1, count * columns);
        epilogue.Activation.Accept(ref rows);
    }

    /// <summary>Adds the residual to some columns of rows that are still in the first-level cache and applies the activation.</summary>
    private struct FinishRows : IUnaryVisitor
    {
        public float* Target;
        public long Stride;
        public float* Residual;
        public long ResidualStride;
        public long* Numbers;
        public int Count;
        public int Columns;

        public void Visit<TOp>(TOp op)
            where TOp : unmanaged, IUnaryOp
        {
            var kernel = new FinishKernel<TOp> { Rows = this, Op = op };
            Simd.Run(ref kernel, 0, 1);
        }
    }

    private struct FinishKernel<TOp> : IKernel
        where TOp : unmanaged, IUnaryOp
    {
        public FinishRows Rows;
        public TOp Op;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            for (var i = 0; i < Rows.Count; i++)
            {
                var number = Rows.Numbers[i];
                var row = Rows.Target + (number * Rows.Stride);
                if (Rows.Residual is null)
                    Activate<L, V>(row, Rows.Columns);
                else
                    AddAndActivate<L, V>(row, Rows.Residual + (number * Rows.ResidualStride), Rows.Columns);
            }
        }

        private readonly void Activate<L, V>(float* row, int count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var op = Op;
            var i = 0;
            for (; i <= count - L.Count; i += L.Count)
                L.Store(op.Invoke<L, V>(L.Load(row + i)), row + i);
            if (i < count)
                Simd.StorePart(op.Invoke<L, V>(Simd.LoadPart<V>(row + i, count - i)), row + i, count - i);
        }

        private readonly void AddAndActivate<L, V>(float* row, float* residual, int count)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var op = Op;
            var i = 0;
            for (; i <= count - L.Count; i += L.Count)
                L.Store(op.Invoke<L, V>(L.Add(L.Load(row + i), L.Load(residual + i))), row + i);
            if (i == count)
                return;
            var tail = L.Add(Simd.LoadPart<V>(row + i, count - i), Simd.LoadPart<V>(residual + i, count - i));
            Simd.StorePart(op.Invoke<L, V>(tail), row + i, count - i);
        }
    }
}
