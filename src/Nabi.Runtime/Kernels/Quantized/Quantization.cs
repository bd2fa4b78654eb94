namespace Nabi.Runtime.Kernels;

/// <summary>Between real and stored values, and addition of stored values.</summary>
public static unsafe class Quantization
{
    /// <summary>y = saturate(round(x / scale) + zero point), halves to even, as ONNX QuantizeLinear; not-a-number becomes the zero point.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="count">Elements.</param>
    /// <param name="x">Real values.</param>
    /// <param name="format">Format of the result.</param>
    /// <param name="y">Receives one byte per element.</param>
    public static void Quantize(WorkPool pool, long count, float* x, QuantizedFormat format, byte* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        format.Check();
        var kernel = new QuantizeKernel { Count = count, X = x, Format = format, Y = y };
        pool.Run(ref kernel, count);
    }

    /// <summary>y = (x - zero point) * scale, as ONNX DequantizeLinear.</summary>
    /// <param name="pool">Shares the work.</param>
    /// <param name="count">Elements.</param>
    /// <param name="x">Stored values.</param>
    /// <param name="format">Their format.</param>
    /// <param name="y">Receives real values.</param>
    public static void Dequantize(WorkPool pool, long count, byte* x, QuantizedFormat format, float* y)
    {
        ArgumentNullException.ThrowIfNull(pool);
        format.Check();
        var kernel = new DequantizeKernel { Count = count, X = x, Format = format, Y = y };
        pool.Run(ref kernel, count);
    }

    /// <summary>Sum of two tensors with different scales, rounded once.</summary>
    /// <remarks>
    /// m_a = scale_a / scale_y and m_b = scale_b / scale_y in double precision; the larger is written as q / 2^s by <see cref="Requantizer"/>, the other as
    /// round(m * 2^s) / 2^s, ties to even. y = clamp(zero_y + round(((a - zero_a) * q_a + (b - zero_b) * q_b) / 2^s)), halves away from zero.
    /// </remarks>
    /// <param name="pool">Shares the work.</param>
    /// <param name="count">Elements.</param>
    /// <param name="a">First operand.</param>
    /// <param name="aFormat">Its format.</param>
    /// <param name="b">Second operand.</param>
    /// <param name="bFormat">Its format.</param>
    /// <param name="y">Result; may be an operand.</param>
    /// <param name="yFormat">Its format.</param>
    /// <param name="low">Lower limit of stored results (a fused ReLU); null for the type's own.</param>
    /// <param name="high">Upper limit of stored results; null for the type's own.</param>
    public static void Add(
        WorkPool pool, long count, byte* a, QuantizedFormat aFormat, byte* b, QuantizedFormat bFormat, byte* y, QuantizedFormat yFormat, int? low = null,
        int? high = null)
    {
        ArgumentNullException.ThrowIfNull(pool);
        aFormat.Check();
        bFormat.Check();
        yFormat.Check();
        var (ma, mb) = ((double)aFormat.Scale / yFormat.Scale, (double)bFormat.Scale / yFormat.Scale);
        var shift = Requantizer.Of(Math.Max(ma, mb)).Shift;
        var kernel = new AddKernel
        {
            Count = count, A = a, B = b, Y = y, AFormat = aFormat, BFormat = bFormat, Shift = shift,
            AFactor = (long)Math.Round(Math.ScaleB(ma, shift), MidpointRounding.ToEven),
            BFactor = (long)Math.Round(Math.ScaleB(mb, shift), MidpointRounding.ToEven),
            Range = new QuantizedRange(yFormat.ZeroPoint, Math.Max(low ?? yFormat.Min, yFormat.Min), Math.Min(high ?? yFormat.Max, yFormat.Max)),
        };
        pool.Run(ref kernel, 4 * count);
    }

    private struct QuantizeKernel : IKernel
    {
        public long Count;
        public float* X;
        public QuantizedFormat Format;
        public byte* Y;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (i, end) = StridedWalk.Share(Count, worker, workers);
            var scale = L.Fill(Format.Scale);
            float low = Format.Min - Format.ZeroPoint, high = Format.Max - Format.ZeroPoint;
            for (; i < end; i += L.Count)
            {
                var rounded = L.Clamp(L.Round(L.Divide(Simd.Load<L, V>(X + i, end - i), scale)), low, high);
                var count = Math.Min(L.Count, end - i);
                for (var j = 0; j < count; j++)
                    Y[i + j] = (byte)(Integer(((float*)&rounded)[j]) + Format.ZeroPoint);
            }
        }

        private static int Integer(float value) => float.IsNaN(value) ? 0 : (int)value;
    }

    private struct DequantizeKernel : IKernel
    {
        public long Count;
        public byte* X;
        public QuantizedFormat Format;
        public float* Y;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (i, end) = StridedWalk.Share(Count, worker, workers);
            Bytes.ToFloats(X + i, end - i, Format.IsSigned, Format.ZeroPoint, Format.Scale, Y + i);
        }
    }

    private struct AddKernel : IKernel
    {
        public long Count;
        public byte* A;
        public byte* B;
        public byte* Y;
        public QuantizedFormat AFormat;
        public QuantizedFormat BFormat;
        public long AFactor;
        public long BFactor;
        public int Shift;
        public QuantizedRange Range;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (i, end) = StridedWalk.Share(Count, worker, workers);
            for (; i < end; i++)
            {
                var a = QuantizedFormat.Read(A + i, AFormat.IsSigned) - AFormat.ZeroPoint;
                var b = QuantizedFormat.Read(B + i, BFormat.IsSigned) - BFormat.ZeroPoint;
                var sum = Requantizer.Round((a * AFactor) + (b * BFactor), Shift);
                Y[i] = (byte)Math.Clamp(Range.ZeroPoint + sum, Range.Low, Range.High);
            }
        }
    }
}
