using System.Runtime.Intrinsics;

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
    public QuantizedRange Range;

    public readonly bool StoresDirectly => false;

    public readonly bool Accumulates => false;

    public readonly float* Bias => (float*)BiasValues;

    public readonly bool TryGetRange(out float low, out float high)
    {
        (low, high) = (0f, 0f);
        return false;
    }

    public readonly float* Target(long number) => null;

    public readonly void Close<L, V>(float* tile, int tileStride, long* numbers, int count, int column, int columns, bool last)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var requantize = new RequantizeTile
        {
            Significands = Significands + column, Shifts = Shifts + column, Range = Range, Columns = columns,
            Sums = (int*)tile, SumStride = tileStride, Target = Output + column, Stride = Stride,
        };
        requantize.Run(numbers, count);
    }
}

/// <summary>Float tiles whose values are integers below 2^24, converted without error and requantized to bytes.</summary>
internal unsafe struct ExactFloatSink : ITileSink
{
    public QuantizedSink Integers;

    public readonly bool StoresDirectly => false;

    public readonly bool Accumulates => false;

    /// <summary>The bias may exceed 2^24 and is added after the conversion.</summary>
    public readonly float* Bias => null;

    public readonly bool TryGetRange(out float low, out float high) => Integers.TryGetRange(out low, out high);

    public readonly float* Target(long number) => null;

    public readonly void Close<L, V>(float* tile, int tileStride, long* numbers, int count, int column, int columns, bool last)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        for (var r = 0; r < count; r++)
        {
            var sums = tile + (r * tileStride);
            var bias = Integers.BiasValues is null ? null : Integers.BiasValues + column;
            var i = 0;
            if (Vector128.IsHardwareAccelerated)
            {
                for (; i <= columns - 4; i += 4)
                {
                    var integers = Vector128.ConvertToInt32Native(Vector128.Load(sums + i));
                    (bias is null ? integers : integers + Vector128.Load(bias + i)).Store((int*)sums + i);
                }
            }
            for (; i < columns; i++)
                ((int*)sums)[i] = (int)sums[i] + (bias is null ? 0 : bias[i]);
        }
        Integers.Close<L, V>(tile, tileStride, numbers, count, column, columns, last);
    }
}
