using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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
            IsSigned = yFormat.IsSigned, IsShort = StoredFloat512.IsSupported && Math.Max(ma, mb) <= StoredFloat.LargestFactor,
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
            var (i, end) = WorkPool.ShareLines(Count, worker, workers);
            Bytes.FromFloats(X + i, end - i, Format, Y + i);
        }
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
            var (i, end) = WorkPool.ShareLines(Count, worker, workers);
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
        public bool IsSigned;

        /// <summary>Whether the short way may be tried.</summary>
        public bool IsShort;

        public readonly void Run<L, V>(int worker, int workers)
            where L : unmanaged, ILanes<V>
            where V : unmanaged
        {
            var (i, end) = WorkPool.ShareLines(Count, worker, workers);
            if (IsShort)
                i = SixtyFours(i, end);
            if (RequantizeLanes512.IsSupported)
                i = Sixteens(i, end);
            else if (RequantizeLanes256.IsSupported)
                i = Eights(i, end);
            else if (Vector128.IsHardwareAccelerated)
                i = Fours(i, end);
            for (; i < end; i++)
            {
                var a = QuantizedFormat.Read(A + i, AFormat.IsSigned) - AFormat.ZeroPoint;
                var b = QuantizedFormat.Read(B + i, BFormat.IsSigned) - BFormat.ZeroPoint;
                var sum = Requantizer.Round((a * AFactor) + (b * BFactor), Shift);
                Y[i] = (byte)Math.Clamp(Range.ZeroPoint + sum, Range.Low, Range.High);
            }
        }

        private readonly long SixtyFours(long i, long end)
        {
            var stored = new StoredFloat512(StoredFloat.OfSum(Range, IsSigned), StoredFloat.DoubtfulSum);
            var (aFactor, bFactor) = (Vector512.Create((float)Math.ScaleB(AFactor, -Shift)), Vector512.Create((float)Math.ScaleB(BFactor, -Shift)));
            var (aZero, bZero) = (Vector512.Create(AFormat.ZeroPoint), Vector512.Create(BFormat.ZeroPoint));
            var (aSigned, bSigned) = (AFormat.IsSigned, BFormat.IsSigned);
            for (; i <= end - 64; i += 64)
            {
                var bytes = stored.Pack(Limited(A + i, B + i), Limited(A + i + 16, B + i + 16), Limited(A + i + 32, B + i + 32), Limited(A + i + 48, B + i + 48));
                if (stored.IsSure)
                {
                    bytes.Store(Y + i);
                    continue;
                }
                Sixteens(i, i + 64);
                stored.Restart();
            }
            return i;

            Vector512<int> Limited(byte* a, byte* b)
            {
                var right = Avx512F.FusedMultiplyAdd(Avx512F.ConvertToVector512Single(Widen(Vector128.Load(b), bSigned) - bZero), bFactor, stored.Offset);
                return stored.Limit(Avx512F.FusedMultiplyAdd(Avx512F.ConvertToVector512Single(Widen(Vector128.Load(a), aSigned) - aZero), aFactor, right));
            }
        }

        private static Vector512<int> Widen(Vector128<byte> bytes, bool isSigned) =>
            isSigned ? Avx512F.ConvertToVector512Int32(bytes.AsSByte()) : Avx512F.ConvertToVector512Int32(bytes);

        private readonly long Sixteens(long i, long end)
        {
            var lanes = new RequantizeLanes512(Vector512.Create(Shift), Range);
            var (aFactor, bFactor) = (Vector512.Create((int)AFactor), Vector512.Create((int)BFactor));
            var (aZero, bZero) = (Vector512.Create(AFormat.ZeroPoint), Vector512.Create(BFormat.ZeroPoint));
            for (; i <= end - 16; i += 16)
            {
                var a = Widen(Vector128.Load(A + i), AFormat.IsSigned) - aZero;
                var b = Widen(Vector128.Load(B + i), BFormat.IsSigned) - bZero;
                var even = Avx512F.Multiply(a, aFactor) + Avx512F.Multiply(b, bFactor);
                var odd = Avx512F.Multiply(RequantizeLanes512.Odd(a), aFactor) + Avx512F.Multiply(RequantizeLanes512.Odd(b), bFactor);
                lanes.Round(even, odd).Store(Y + i);
            }
            return i;
        }

        private readonly long Eights(long i, long end)
        {
            var lanes = new RequantizeLanes256(Vector256.Create(Shift), Range);
            var (aFactor, bFactor) = (Vector256.Create((int)AFactor), Vector256.Create((int)BFactor));
            var (aZero, bZero) = (Vector256.Create(AFormat.ZeroPoint), Vector256.Create(BFormat.ZeroPoint));
            for (; i <= end - 8; i += 8)
            {
                var a = Widen(A + i, AFormat.IsSigned) - aZero;
                var b = Widen(B + i, BFormat.IsSigned) - bZero;
                var even = Avx2.Multiply(a, aFactor) + Avx2.Multiply(b, bFactor);
                var odd = Avx2.Multiply(RequantizeLanes256.Odd(a), aFactor) + Avx2.Multiply(RequantizeLanes256.Odd(b), bFactor);
                *(ulong*)(Y + i) = lanes.Round(even, odd).AsUInt64().ToScalar();
            }
            return i;

            static Vector256<int> Widen(byte* bytes, bool isSigned) =>
                isSigned ? Avx2.ConvertToVector256Int32((sbyte*)bytes) : Avx2.ConvertToVector256Int32(bytes);
        }

        private readonly long Fours(long i, long end)
        {
            var (low, high) = (Vector128.Create((long)Range.Low - Range.ZeroPoint), Vector128.Create((long)Range.High - Range.ZeroPoint));
            var zero = Vector128.Create(Range.ZeroPoint);
            for (; i <= end - 4; i += 4)
            {
                var (a0, a1) = Vector128.Widen(Widen(A + i, AFormat.IsSigned) - Vector128.Create(AFormat.ZeroPoint));
                var (b0, b1) = Vector128.Widen(Widen(B + i, BFormat.IsSigned) - Vector128.Create(BFormat.ZeroPoint));
                var first = Rounded((a0 * AFactor) + (b0 * BFactor), Shift);
                var second = Rounded((a1 * AFactor) + (b1 * BFactor), Shift);
                first = Vector128.Min(Vector128.Max(first, low), high);
                second = Vector128.Min(Vector128.Max(second, low), high);
                var shorts = Vector128.Narrow(Vector128.Narrow(first, second) + zero, Vector128<int>.Zero);
                *(uint*)(Y + i) = Vector128.Narrow(shorts, shorts).AsUInt32().ToScalar();
            }
            return i;

            static Vector128<long> Rounded(Vector128<long> sum, int shift) =>
                (sum + Vector128.Create(1L << (shift - 1)) + Vector128.LessThan(sum, Vector128<long>.Zero)) >> shift;

            static Vector128<int> Widen(byte* bytes, bool isSigned)
            {
                var four = Vector128.CreateScalar(*(uint*)bytes);
                return isSigned
                    ? Vector128.WidenLower(Vector128.WidenLower(four.AsSByte()))
                    : Vector128.WidenLower(Vector128.WidenLower(four.AsByte())).AsInt32();
            }
        }
    }
}
