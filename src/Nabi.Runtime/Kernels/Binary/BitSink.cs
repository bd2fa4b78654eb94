using Nabi.Runtime.Emit;

namespace Nabi.Runtime.Kernels;

/// <summary>Turns counts of differing bits into results: y = epilogue(scale (start - weight * count)), where the start depends on the taps that see padding.</summary>
/// <remarks>The difference is an integer below 2^24 and exact; the product with the scale and the addition of the bias round once each, at every width.</remarks>
internal unsafe struct BitSink : ITileSink
{
    public float* Output;
    public long Stride;

    /// <summary>Pixel -> which starts are its own, or null if all have the same.</summary>
    public int* PatternOfPixel;

    /// <summary>From the starts of one pattern to those of the next.</summary>
    public int StartStride;

    /// <summary>Pixels of an image: rows are numbered from one image to the next.</summary>
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

    /// <summary>Lets an emitted kernel make results of its counts; tile rows beyond them do the last once more.</summary>
    public readonly void Direct(ref BitArguments t, long* numbers, int count, int rows, int column)
    {
        if (Rest.TryGetRange(out var low, out var high))
            (t.Low, t.High, t.IsLimited) = (low, high, 1);
        (t.Column, t.Weight) = (0, Weight);
        t.Scales = Scales + column;
        t.Bias = BiasValues is null ? null : BiasValues + column;
        var own = this;   // nothing that is stored changes these
        var outputs = t.Outputs;
        var starts = t.Starts;
        for (var i = 0; i < rows; i++)
        {
            if (i >= count)
            {
                outputs[i] = outputs[i - 1];
                starts[i] = starts[i - 1];
                continue;
            }
            outputs[i] = own.Target(numbers[i]) + column;
            starts[i] = own.StartsOf(numbers[i]) + column;
        }
    }

    public readonly float* Target(long number) => Output + (number * Stride);

    private readonly float* StartsOf(long number) =>
        PatternOfPixel is null ? Starts : Starts + (PatternOfPixel[number < Pixels ? number : number % Pixels] * (long)StartStride);

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
            for (var i = 0; i < Count; i++)
            {
                Row<L, V>(Tile + (i * TileStride), Sink.StartsOf(Numbers[i]) + Column, Sink.Target(Numbers[i]) + Column, clamps, low, high);
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
