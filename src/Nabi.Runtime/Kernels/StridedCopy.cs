namespace Nabi.Runtime.Kernels;

/// <summary>Copies a tensor whose elements lie at other strides: transposition, layout conversion, broadcasting, slices and joins.</summary>
/// <remarks>Neighbouring dimensions are merged; where reading and writing run along different dimensions, both are walked in small square blocks.</remarks>
internal sealed unsafe class StridedCopy
{
    private const int MaxRank = 8;
    private const int Tile = 16;

    /// <summary>Elements done at once where there are fewer columns than a tile has: they stay in the first-level cache.</summary>
    private const int NarrowBlock = 1024;

    private readonly int[] _dims;
    private readonly long[] _from;
    private readonly long[] _to;
    private readonly int _size;

    /// <summary>Prepares a copy.</summary>
    /// <param name="dims">Dimensions, in the order the target is written.</param>
    /// <param name="from">Strides of the source in elements; 0 repeats, negative walks backwards.</param>
    /// <param name="to">Strides of the target in elements.</param>
    /// <param name="size">Bytes of an element: 1, 2, 4 or 8.</param>
    /// <exception cref="ArgumentException">More than 8 dimensions are left after merging.</exception>
    public StridedCopy(ReadOnlySpan<int> dims, ReadOnlySpan<long> from, ReadOnlySpan<long> to, int size)
    {
        var (d, f, t) = (new List<int>(), new List<long>(), new List<long>());
        for (var i = 0; i < dims.Length; i++)
        {
            if (dims[i] == 1) continue;
            if (d.Count > 0 && f[^1] == from[i] * dims[i] && t[^1] == to[i] * dims[i])
            {
                d[^1] *= dims[i];
                (f[^1], t[^1]) = (from[i], to[i]);
            }
            else
            {
                d.Add(dims[i]);
                f.Add(from[i]);
                t.Add(to[i]);
            }
        }
        if (d.Count > MaxRank) throw new ArgumentException($"A copy over {d.Count} separate dimensions is not supported; {MaxRank} are.", nameof(dims));
        while (d.Count < 2)
        {
            d.Insert(0, 1);
            f.Insert(0, 0);
            t.Insert(0, 0);
        }
        (_dims, _from, _to, _size) = ([.. d], [.. f], [.. t], size);
        MoveReadAxisInside();
    }

    /// <summary>Copies.</summary>
    public void Run(WorkPool pool, byte* source, byte* target)
    {
        var rank = _dims.Length;
        var kernel = new Kernel { Source = source, Target = target, Size = _size, Rank = rank, Outer = 1 };
        long count = 1;
        for (var i = 0; i < rank; i++)
        {
            (kernel.Dims[i], kernel.From[i], kernel.To[i]) = (_dims[i], _from[i] * _size, _to[i] * _size);
            if (i < rank - 2) kernel.Outer *= _dims[i];
            count *= _dims[i];
        }
        if (count == 0) return;
        kernel.IsWoven = _size == sizeof(uint) && _dims[^1] == 3 && _from[^2] == 1 && _to[^2] == 3 && _to[^1] == 1;
        pool.Run(ref kernel, count);
    }

    // The last dimension is the one written in order; the one before it becomes the one read in order, so that a block has both.
    private void MoveReadAxisInside()
    {
        var rank = _dims.Length;
        if (_from[^1] is 1 or 0) return;
        for (var i = 0; i < rank - 2; i++)
        {
            if (_from[i] != 1) continue;
            (_dims[i], _dims[rank - 2]) = (_dims[rank - 2], _dims[i]);
            (_from[i], _from[rank - 2]) = (_from[rank - 2], _from[i]);
            (_to[i], _to[rank - 2]) = (_to[rank - 2], _to[i]);
        }
    }

    private struct Kernel : IKernel
    {
        public byte* Source;
        public byte* Target;
        public int Size;
        public int Rank;
        public int Outer;
        public bool IsWoven;
        public fixed int Dims[MaxRank];
        public fixed long From[MaxRank];
        public fixed long To[MaxRank];

        public void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var rows = Dims[Rank - 2];
            var height = Dims[Rank - 1] < Tile ? NarrowBlock / Math.Max(1, Dims[Rank - 1]) : Tile;
            var bands = (rows + height - 1) / height;
            var (first, last) = WorkPool.Share(checked(Outer * bands), worker, workers);
            for (var item = first; item < last; item++)
            {
                var (outer, band) = Math.DivRem(item, bands);
                var source = Source;
                var target = Target;
                for (var axis = Rank - 3; axis >= 0; axis--)
                {
                    (outer, var index) = Math.DivRem(outer, Dims[axis]);
                    source += index * From[axis];
                    target += index * To[axis];
                }
                var row = band * height;
                source += row * From[Rank - 2];
                target += row * To[Rank - 2];
                if (IsWoven)
                    PlaneWeave.Three((uint*)source, From[Rank - 1] / sizeof(uint), (uint*)target, Math.Min(height, rows - row));
                else
                    Band(source, target, Math.Min(height, rows - row));
            }
        }

        private readonly void Band(byte* source, byte* target, int rows)
        {
            switch (Size)
            {
                case 1: Band<byte>(source, target, rows); break;
                case 2: Band<ushort>(source, target, rows); break;
                case 4: Band<uint>(source, target, rows); break;
                default: Band<ulong>(source, target, rows); break;
            }
        }

        private readonly void Band<T>(byte* source, byte* target, int rows)
            where T : unmanaged
        {
            var columns = Dims[Rank - 1];
            var (fromRow, fromColumn, toRow, toColumn) = (From[Rank - 2], From[Rank - 1], To[Rank - 2], To[Rank - 1]);
            if (fromColumn == sizeof(T) && toColumn == sizeof(T))
            {
                for (var r = 0; r < rows; r++)
                    Buffer.MemoryCopy(source + (r * fromRow), target + (r * toRow), (long)columns * sizeof(T), (long)columns * sizeof(T));
                return;
            }
            if (columns < Tile)   // the planes of an image become the channels of its pixels, one after the other
            {
                for (var c = 0; c < columns; c++)
                {
                    byte* from = source + (c * fromColumn), to = target + (c * toColumn);
                    for (var r = 0; r < rows; r++, from += fromRow, to += toRow) *(T*)to = *(T*)from;
                }
                return;
            }
            for (var start = 0; start < columns; start += Tile)
            {
                var end = Math.Min(columns, start + Tile);
                for (var r = 0; r < rows; r++)
                {
                    var from = source + (r * fromRow);
                    var to = target + (r * toRow);
                    for (var c = start; c < end; c++)
                        *(T*)(to + (c * toColumn)) = *(T*)(from + (c * fromColumn));
                }
            }
        }
    }
}
