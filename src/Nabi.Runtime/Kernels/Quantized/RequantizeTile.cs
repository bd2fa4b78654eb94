using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>Requantizes a tile of accumulators with one multiplier per column: <see cref="Requantizer"/> in the lanes, always the same bytes.</summary>
internal unsafe struct RequantizeTile
{
    /// <summary>Four-byte elements that are read past the last column of the accumulators and of the multipliers, at most.</summary>
    public const int Overrun = 15;

    /// <summary>q per column.</summary>
    public int* Significands;

    /// <summary>s per column.</summary>
    public int* Shifts;

    /// <summary>Zero point and limits.</summary>
    public QuantizedRange Range;

    /// <summary>Columns.</summary>
    public int Columns;

    /// <summary>Accumulators.</summary>
    public int* Sums;

    /// <summary>From one row of accumulators to the next.</summary>
    public nint SumStride;

    /// <summary>Receives <see cref="Columns"/> bytes in each of its rows.</summary>
    public byte* Target;

    /// <summary>From one row of the target to the next.</summary>
    public long Stride;

    /// <summary>Requantizes <paramref name="count"/> rows.</summary>
    /// <param name="numbers">The row of the target of every row of the tile.</param>
    /// <param name="count">Rows.</param>
    public readonly void Run(long* numbers, int count)
    {
        var column = 0;
        if (RequantizeLanes512.IsSupported)
        {
            for (; column < Columns; column += 16)
                Sixteen(numbers, count, column);
        }
        else if (RequantizeLanes256.IsSupported)
        {
            for (; column < Columns; column += 8)
                Eight(numbers, count, column);
        }
        for (; column < Columns; column++)
        {
            var rule = new Requantizer(Significands[column], Shifts[column]);
            for (var i = 0; i < count; i++)
                Target[(numbers[i] * Stride) + column] = (byte)rule.Apply(Sums[(i * SumStride) + column], Range.ZeroPoint, Range.Low, Range.High);
        }
    }

    private readonly void Sixteen(long* numbers, int count, int column)
    {
        var lanes = new RequantizeLanes512(Vector512.Load(Shifts + column), Range);
        var even = Vector512.Load(Significands + column);
        var odd = RequantizeLanes512.Odd(even);
        var valid = Columns - column;
        var target = Target + column;
        for (var i = 0; i < count; i++)
        {
            var sums = Vector512.Load(Sums + (i * SumStride) + column);
            var bytes = lanes.Round(Avx512F.Multiply(sums, even), Avx512F.Multiply(RequantizeLanes512.Odd(sums), odd));
            if (valid >= 16)
                bytes.Store(target + (numbers[i] * Stride));
            else
                Bytes.StorePart(bytes, target + (numbers[i] * Stride), valid);
        }
    }

    private readonly void Eight(long* numbers, int count, int column)
    {
        var lanes = new RequantizeLanes256(Vector256.Load(Shifts + column), Range);
        var even = Vector256.Load(Significands + column);
        var odd = RequantizeLanes256.Odd(even);
        var valid = Math.Min(8, Columns - column);
        var target = Target + column;
        for (var i = 0; i < count; i++)
        {
            var sums = Vector256.Load(Sums + (i * SumStride) + column);
            var bytes = lanes.Round(Avx2.Multiply(sums, even), Avx2.Multiply(RequantizeLanes256.Odd(sums), odd));
            Bytes.StorePart(bytes, target + (numbers[i] * Stride), valid);
        }
    }
}
