using System.Runtime.CompilerServices;

namespace Nabi.Runtime.Kernels;

/// <summary>A walk over a contiguous result and two strided operands, with axes merged where both operands allow it.</summary>
internal struct StridedWalk
{
    private Axes sizes;
    private Axes aStrides;
    private Axes bStrides;
    private int rank;

    /// <summary>Elements of the result.</summary>
    public long Count { get; private set; }

    /// <summary>Stride of the first operand along the innermost axis.</summary>
    public readonly long InnerA => aStrides[rank - 1];

    /// <summary>Stride of the second operand along the innermost axis.</summary>
    public readonly long InnerB => bStrides[rank - 1];

    public static StridedWalk Of(ReadOnlySpan<long> shape, ReadOnlySpan<long> aStrides, ReadOnlySpan<long> bStrides)
    {
        if (shape.Length > Elementwise.MaxRank || aStrides.Length != shape.Length || bStrides.Length != shape.Length)
            throw new ArgumentException($"A walk has at most {Elementwise.MaxRank} axes and one stride per axis and operand.", nameof(shape));
        var walk = new StridedWalk { Count = 1, rank = 0 };
        for (var i = 0; i < shape.Length; i++)
        {
            walk.Count *= shape[i];
            if (shape[i] == 1)
                continue;
            var last = walk.rank - 1;
            if (last >= 0 && walk.aStrides[last] == aStrides[i] * shape[i] && walk.bStrides[last] == bStrides[i] * shape[i])
            {
                walk.sizes[last] *= shape[i];
                walk.aStrides[last] = aStrides[i];
                walk.bStrides[last] = bStrides[i];
                continue;
            }
            walk.sizes[walk.rank] = shape[i];
            walk.aStrides[walk.rank] = aStrides[i];
            walk.bStrides[walk.rank++] = bStrides[i];
        }
        if (walk.rank == 0)
        {
            walk.rank = 1;
            walk.sizes[0] = 1;
        }
        return walk;
    }

    /// <summary>One worker's part of <paramref name="count"/> elements, on boundaries of 16 so that lines are not shared.</summary>
    public static (long Start, long End) Share(long count, int worker, int workers)
    {
        var lines = (count + 15) / 16;
        return (Math.Min(count, lines * worker / workers * 16), Math.Min(count, lines * (worker + 1) / workers * 16));
    }

    /// <summary>Where element <paramref name="at"/> is in both operands and how many elements its innermost line still has.</summary>
    public readonly void Locate(long at, out long a, out long b, out long left)
    {
        a = 0;
        b = 0;
        left = 0;
        for (var i = rank - 1; i >= 0; i--)
        {
            var (rest, index) = i == 0 ? (0, at) : Math.DivRem(at, sizes[i]);
            if (i == rank - 1)
                left = sizes[i] - index;
            a += index * aStrides[i];
            b += index * bStrides[i];
            at = rest;
        }
    }

    /// <summary>Whether the first operand is read as a batch of transposed matrices: result [batch, columns, rows] from [batch, rows, columns].</summary>
    public readonly bool IsTranspose(out int batch, out int rows, out int columns)
    {
        (batch, rows, columns) = (1, 0, 0);
        if (rank is < 2 or > 3 || aStrides[rank - 2] != 1 || aStrides[rank - 1] != sizes[rank - 2] || Count == 0)
            return false;
        if (rank == 3 && aStrides[0] != sizes[1] * sizes[2])
            return false;
        if (sizes[0] > int.MaxValue || sizes[rank - 1] > int.MaxValue || sizes[rank - 2] > int.MaxValue)
            return false;
        batch = rank == 3 ? (int)sizes[0] : 1;
        rows = (int)sizes[rank - 1];
        columns = (int)sizes[rank - 2];
        return true;
    }

    [InlineArray(Elementwise.MaxRank)]
    private struct Axes
    {
        private long first;
    }
}
