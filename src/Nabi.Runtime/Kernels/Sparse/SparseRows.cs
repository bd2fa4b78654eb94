using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>What sparse kernels do with a register of columns of a result row: bias, old content, residual, activation, store.</summary>
internal readonly unsafe struct SparseRows
{
    private readonly float* target;
    private readonly long stride;
    private readonly Epilogue epilogue;
    private readonly bool limits;
    private readonly float low;
    private readonly float high;

    public SparseRows(float* target, long stride, in Epilogue epilogue)
    {
        this.target = target;
        this.stride = stride;
        this.epilogue = epilogue;
        IsDone = epilogue.Activation.TryGetRange(out low, out high);
        limits = IsDone && epilogue.Activation.Kind != UnaryKind.Identity;
    }

    /// <summary>Whether <see cref="Store"/> applies the activation; else <see cref="Finish"/> must.</summary>
    private bool IsDone { get; }

    /// <summary>Stores sums of neighbouring rows.</summary>
    /// <param name="sums">A register for each row.</param>
    /// <param name="row">The first row.</param>
    /// <param name="count">Rows.</param>
    /// <param name="column">The first column.</param>
    /// <param name="left">Columns from there to the end of the row.</param>
    public void Store<L, V>(float* sums, long row, int count, int column, int left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged
    {
        var bias = epilogue.Bias is null ? default : Simd.Load<L, V>(epilogue.Bias + column, left);
        var to = target + (row * stride) + column;
        var residual = epilogue.Residual is null ? null : epilogue.Residual + (row * epilogue.ResidualStride) + column;
        for (var i = 0; i < count; i++, sums += L.Count, to += stride)
        {
            var value = L.Add(L.Load(sums), bias);
            if (epilogue.Accumulate)
                value = L.Add(value, Simd.Load<L, V>(to, left));
            if (residual is not null)
            {
                value = L.Add(value, Simd.Load<L, V>(residual, left));
                residual += epilogue.ResidualStride;
            }
            if (limits)
                value = L.Clamp(value, low, high);
            Simd.Store<L, V>(value, to, left);
        }
        if (!IsDone)
            Finish(row, count, column, Math.Min(L.Count, left));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Finish(long row, int count, int column, int columns)
    {
        var numbers = stackalloc long[count];
        for (var i = 0; i < count; i++)
            numbers[i] = row + i;
        new FloatSink(target, stride, new Epilogue { Activation = epilogue.Activation }).Finish(numbers, count, column, columns);
    }
}
