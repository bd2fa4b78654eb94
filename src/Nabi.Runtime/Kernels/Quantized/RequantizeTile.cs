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

    /// <summary>q / 2^s per column in single precision for the short way of <see cref="StoredFloat"/>, or null.</summary>
    public float* Multipliers;

    /// <summary>Zero point and limits.</summary>
    public QuantizedRange Range;

    /// <summary>Whether the target is int8.</summary>
    public bool IsSigned;

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
        if (RequantizeColumns512.IsSupported)
        {
            while (column < Columns)
            {
                if (Columns - column > 16 && StoredFloat512.IsSupported && Multipliers is not null && ThirtyTwoInFloats(numbers, count, column))
                {
                    column += 32;
                }
                else if (Columns - column > 16 && HasSmallMultipliers(column))
                {
                    ThirtyTwo(numbers, count, column);
                    column += 32;
                }
                else
                {
                    Sixteen(numbers, count, column);
                    column += 16;
                }
            }
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

    /// <summary>Whether all results are right; some are not where the short way is in doubt.</summary>
    private readonly bool ThirtyTwoInFloats(long* numbers, int count, int column)
    {
        var stored = new StoredFloat512(StoredFloat.OfProduct(Range, IsSigned), StoredFloat.DoubtfulProduct);
        var (left, right) = (Vector512.Load(Multipliers + column), Vector512.Load(Multipliers + column + 16));
        var valid = Columns - column;
        var sums = Sums + column;
        var target = Target + column;
        for (var i = 0; i < count; i++)
        {
            var a = Avx512F.FusedMultiplyAdd(Avx512F.ConvertToVector512Single(Vector512.Load(sums)), left, stored.Offset);
            var b = Avx512F.FusedMultiplyAdd(Avx512F.ConvertToVector512Single(Vector512.Load(sums + 16)), right, stored.Offset);
            var bytes = stored.Pack(stored.Limit(a), stored.Limit(b));
            sums += SumStride;
            var row = target + (numbers[i] * Stride);
            if (valid >= 32)
            {
                bytes.Store(row);
                continue;
            }
            bytes.GetLower().Store(row);
            Bytes.StorePart(bytes.GetUpper(), row + 16, valid - 16);
        }
        return stored.IsSure;
    }

    private readonly bool HasSmallMultipliers(int column) =>
        Vector512.GreaterThanOrEqualAll(Vector512.Min(Vector512.Load(Shifts + column), Vector512.Load(Shifts + column + 16)), Vector512.Create(RequantizeColumns512.MinShift));

    private readonly void ThirtyTwo(long* numbers, int count, int column)
    {
        var left = new RequantizeColumns512(Vector512.Load(Significands + column), Vector512.Load(Shifts + column));
        var right = new RequantizeColumns512(Vector512.Load(Significands + column + 16), Vector512.Load(Shifts + column + 16));
        var zero = Vector512.Create(Range.ZeroPoint);
        var (low, high) = (Vector512.Create((short)Range.Low), Vector512.Create((short)Range.High));
        var valid = Columns - column;
        var sums = Sums + column;
        var target = Target + column;
        for (var i = 0; i < count; i++)
        {
            var bytes = RequantizeColumns512.Pack(left.Round(Vector512.Load(sums), zero), right.Round(Vector512.Load(sums + 16), zero), low, high);
            sums += SumStride;
            var row = target + (numbers[i] * Stride);
            if (valid >= 32)
            {
                bytes.Store(row);
                continue;
            }
            bytes.GetLower().Store(row);
            Bytes.StorePart(bytes.GetUpper(), row + 16, valid - 16);
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
