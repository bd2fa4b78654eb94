using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Nabi.Runtime.Kernels;

/// <summary>Requantizes a row of accumulators with one multiplier per column: <see cref="Requantizer"/> in the lanes.</summary>
internal static unsafe class RequantizeRow
{
    /// <summary>Sixteen, eight or one column at a time, always the same bytes.</summary>
    /// <param name="sums">Accumulators.</param>
    /// <param name="significands">q per column.</param>
    /// <param name="shifts">s per column.</param>
    /// <param name="count">Columns.</param>
    /// <param name="output">Zero point and limits.</param>
    /// <param name="target">Receives one byte per column.</param>
    public static void Run(int* sums, int* significands, int* shifts, int count, in QuantizedRange output, byte* target)
    {
        var i = 0;
        if (Avx512F.IsSupported && Vector512.IsHardwareAccelerated)
        {
            for (; i <= count - 16; i += 16)
                Sixteen(Vector512.Load(sums + i), Vector512.Load(significands + i), Vector512.Load(shifts + i), output).Store(target + i);
        }
        else if (Avx2.IsSupported)
        {
            var part = stackalloc int[8];
            for (; i <= count - 8; i += 8)
            {
                Eight(Vector256.Load(sums + i), Vector256.Load(significands + i), Vector256.Load(shifts + i), output).Store(part);
                for (var j = 0; j < 8; j++)
                    target[i + j] = (byte)part[j];
            }
        }
        for (; i < count; i++)
            target[i] = (byte)new Requantizer(significands[i], shifts[i]).Apply(sums[i], output.ZeroPoint, output.Low, output.High);
    }

    private static Vector128<byte> Sixteen(Vector512<int> sum, Vector512<int> q, Vector512<int> shift, in QuantizedRange output)
    {
        // vpmuldq multiplies the even lanes; the odd ones are moved down first.
        var even = Round(Avx512F.Multiply(sum, q), shift.AsUInt64() & Vector512.Create(0xffffffffUL), output);
        var odd = Round(Avx512F.Multiply((sum.AsUInt64() >> 32).AsInt32(), (q.AsUInt64() >> 32).AsInt32()), shift.AsUInt64() >> 32, output);
        var merged = (even & Vector512.Create(0xffffffffUL)) | (odd << 32);
        return Avx512F.ConvertToVector128Byte(merged.AsUInt32());

        static Vector512<ulong> Round(Vector512<long> product, Vector512<ulong> shift, in QuantizedRange output)
        {
            var half = Avx512F.ShiftLeftLogicalVariable(Vector512<ulong>.One, shift - Vector512<ulong>.One).AsInt64();
            var rounded = Avx512F.ShiftRightArithmeticVariable(product + half + (product >> 63), shift) + Vector512.Create((long)output.ZeroPoint);
            return Vector512.Min(Vector512.Max(rounded, Vector512.Create((long)output.Low)), Vector512.Create((long)output.High)).AsUInt64();
        }
    }

    private static Vector256<int> Eight(Vector256<int> sum, Vector256<int> q, Vector256<int> shift, in QuantizedRange output)
    {
        var even = Round(Avx2.Multiply(sum, q), shift.AsUInt64() & Vector256.Create(0xffffffffUL), output);
        var odd = Round(Avx2.Multiply((sum.AsUInt64() >> 32).AsInt32(), (q.AsUInt64() >> 32).AsInt32()), shift.AsUInt64() >> 32, output);
        return ((even & Vector256.Create(0xffffffffUL)) | (odd << 32)).AsInt32();

        static Vector256<ulong> Round(Vector256<long> product, Vector256<ulong> shift, in QuantizedRange output)
        {
            var half = Avx2.ShiftLeftLogicalVariable(Vector256<ulong>.One, shift - Vector256<ulong>.One).AsInt64();
            // No arithmetic 64-bit shift here: move the number line up by 2^63, shift, and move it back.
            var top = Vector256.Create(1UL << 63);
            var raised = (product + half + Vector256.LessThan(product, Vector256<long>.Zero)).AsUInt64() ^ top;
            var rounded = (Avx2.ShiftRightLogicalVariable(raised, shift) - Avx2.ShiftRightLogicalVariable(top, shift)).AsInt64();
            rounded += Vector256.Create((long)output.ZeroPoint);
            return Vector256.Min(Vector256.Max(rounded, Vector256.Create((long)output.Low)), Vector256.Create((long)output.High)).AsUInt64();
        }
    }
}

/// <summary>Where requantized values go: an offset and the limits of the stored type, tightened by a fused activation.</summary>
internal readonly record struct QuantizedRange(int ZeroPoint, int Low, int High);
