namespace Nabi.Runtime.Kernels;

/// <summary>Integer tiles, requantized to bytes.</summary>
internal unsafe struct QuantizedSink : ITileSink
{
    public byte* Output;
    public long Stride;

    /// <summary>Bias per column in accumulator units, or null.</summary>
    public int* BiasValues;

    public int* Significands;
    public int* Shifts;

    /// <summary>q / 2^s per column in single precision.</summary>
    public float* Multipliers;

    /// <summary>Whether the output is int8.</summary>
    public bool IsSigned;

    public QuantizedRange Range;

    public readonly bool StoresDirectly => false;

    public readonly bool Accumulates => false;

    public readonly bool FinishesInStore => true;

    public readonly float* Bias => (float*)BiasValues;

    public readonly bool TryGetRange(out float low, out float high)
    {
        (low, high) = (0f, 0f);
        return false;
    }

    public readonly float* Target(long number) => null;

    public readonly float* TakeResidual(out long residualStride)
    {
        residualStride = 0;
        return null;
    }

    public readonly void Close<L, V>(float* tile, int tileStride, long* numbers, int count, int column, int columns)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var requantize = new RequantizeTile
        {
            Significands = Significands + column, Shifts = Shifts + column, Multipliers = Multipliers + column, Range = Range, IsSigned = IsSigned, Columns = columns,
            Sums = (int*)tile, SumStride = tileStride, Target = Output + column, Stride = Stride,
        };
        requantize.Run(numbers, count);
    }

    /// <summary>Requantizes neighbouring rows of sums by the exact rule.</summary>
    public readonly void Round(int* sums, int sumStride, byte* target, nint stride, int column, int columns, int rows)
    {
        var requantize = new RequantizeTile
        {
            Significands = Significands + column, Shifts = Shifts + column, Range = Range, Columns = columns,
            Sums = sums, SumStride = sumStride, Target = target, Stride = stride,
        };
        var numbers = stackalloc long[TileLoop.MaxTileRows] { 0, 1, 2, 3, 4, 5, 6, 7 };
        requantize.Run(numbers, rows);
    }

    public readonly void Finish(long* numbers, int count, int column, int columns)
    {
    }
}
