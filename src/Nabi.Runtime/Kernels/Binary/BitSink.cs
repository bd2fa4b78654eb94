using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>Turns counts of differing bits into results: y = epilogue(scale (start - weight * count)), where the start depends on the taps that see padding.</summary>
/// <remarks>The difference is an integer below 2^24 and exact; the product with the scale and the addition of the bias round once each, at every width.</remarks>
internal unsafe struct BitSink : ITileSink
{
    public float* Output;
    public long Stride;

    /// <summary>Number of a row -> distance of its starts from the first ones, or null if all rows have the same.</summary>
    public int* StartOfPixel;

    /// <summary>Rows of an image.</summary>
    public int Pixels;

    /// <summary>Per column the result for a count of 0.</summary>
    public float* Starts;

    /// <summary>By how much a bit that differs lowers the result.</summary>
    public float Weight;

    /// <summary>One per column.</summary>
    public float* Scales;

    public float* BiasValues;

    /// <summary>What is done once the sums are stored.</summary>
    public FloatSink Rest;

    public readonly bool StoresDirectly => false;

    public readonly bool Accumulates => false;

    public readonly float* Bias => null;

    public readonly bool FinishesInStore => Rest.FinishesInStore;

    public readonly bool TryGetRange(out float low, out float high)
    {
        (low, high) = (0f, 0f);
        return false;
    }

    /// <summary>Lets an emitted kernel make results of its counts, for rows that follow each other; tile rows beyond them do the last once more.</summary>
    public readonly void Direct(ref BitArguments t, long* numbers, int count, int rows, int column)
    {
        if (Rest.TryGetRange(out var low, out var high))
            (t.Low, t.High) = (low, high);
        (t.Column, t.Weight) = (0, Weight);
        t.Scales = Scales + column;
        t.Bias = BiasValues is null ? null : BiasValues + column;
        var pixel = (int)(numbers[0] % Pixels);
        for (var i = 0; i < rows; i++)
        {
            if (i >= count)
            {
                t.Outputs[i] = t.Outputs[i - 1];
                t.Starts[i] = t.Starts[i - 1];
                continue;
            }
            t.Outputs[i] = Target(numbers[i]) + column;
            t.Starts[i] = Starts + column + (StartOfPixel is null ? 0 : StartOfPixel[pixel]);
            if (++pixel == Pixels)   // rows follow each other, from one image to the next
                pixel = 0;
        }
    }

    public readonly float* Target(long number) => Output + (number * Stride);

    public readonly float* TakeResidual(out long residualStride)
    {
        residualStride = 0;
        return null;
    }

    public readonly void Close<L, V>(float* tile, int tileStride, long* numbers, int count, int column, int columns)
        where L : unmanaged, ITileLanes<V>
        where V : unmanaged
    {
        var kernel = new StoreKernel { Sink = this, Tile = tile, TileStride = tileStride, Numbers = numbers, Count = count, Column = column, Columns = columns };
        Simd.Run(ref kernel, 0, 1);
    }

    public readonly void Finish(long* numbers, int count, int column, int columns) => Rest.Finish(numbers, count, column, columns);

    private struct StoreKernel : IKernel
    {
        public BitSink Sink;
        public float* Tile;
        public int TileStride;
        public long* Numbers;
        public int Count;
        public int Column;
        public int Columns;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var clamps = Sink.Rest.TryGetRange(out var low, out var high);
            var pixel = (int)(Numbers[0] % Sink.Pixels);
            for (var i = 0; i < Count; i++)
            {
                var starts = Sink.Starts + Column;
                if (Sink.StartOfPixel is not null)
                    starts += Sink.StartOfPixel[pixel];
                if (++pixel == Sink.Pixels)   // rows follow each other, from one image to the next
                    pixel = 0;
                Row<L, V>(Tile + (i * TileStride), starts, Sink.Target(Numbers[i]) + Column, clamps, low, high);
            }
        }

        private readonly void Row<L, V>(float* counts, float* starts, float* target, bool clamps, float low, float high)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var scales = Sink.Scales + Column;
            var bias = Sink.BiasValues is null ? null : Sink.BiasValues + Column;
            var (weight, adds) = (L.Fill(-Sink.Weight), Sink.Rest.Accumulates);
            for (var j = 0; j < Columns; j += L.Count)
            {
                var left = Columns - j;
                var y = L.MultiplyAdd(weight, L.Load(counts + j), Simd.Load<L, V>(starts + j, left));
                y = L.Multiply(y, Simd.Load<L, V>(scales + j, left));
                if (bias is not null)
                    y = L.Add(y, Simd.Load<L, V>(bias + j, left));
                if (adds)
                    y = L.Add(y, Simd.Load<L, V>(target + j, left));
                if (clamps)
                    y = L.Clamp(y, low, high);
                Simd.Store<L, V>(y, target + j, left);
            }
        }
    }
}
