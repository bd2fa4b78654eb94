using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>Widening of stored bytes with their zero point taken off.</summary>
internal static unsafe class Bytes
{
    public static void ToShorts(byte* source, long count, bool isSigned, int zeroPoint, short* target)
    {
        long i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            var zero = Vector512.Create((short)zeroPoint);
            for (; i <= count - 64; i += 64)
            {
                var bytes = Vector512.Load(source + i);
                var (low, high) = isSigned ? Vector512.Widen(bytes.AsSByte()) : Shorts(Vector512.Widen(bytes));
                (low - zero).Store(target + i);
                (high - zero).Store(target + i + 32);
            }
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            var zero = Vector128.Create((short)zeroPoint);
            for (; i <= count - 16; i += 16)
            {
                var bytes = Vector128.Load(source + i);
                var (low, high) = isSigned ? Vector128.Widen(bytes.AsSByte()) : Shorts(Vector128.Widen(bytes));
                (low - zero).Store(target + i);
                (high - zero).Store(target + i + 8);
            }
        }
        for (; i < count; i++)
            target[i] = (short)(QuantizedFormat.Read(source + i, isSigned) - zeroPoint);
    }

    /// <summary>target = (source - zeroPoint) * scale.</summary>
    public static void ToFloats(byte* source, long count, bool isSigned, int zeroPoint, float scale, float* target)
    {
        long i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            var zero = Vector512.Create((short)zeroPoint);
            var factor = Vector512.Create(scale);
            for (; i <= count - 64; i += 64)
            {
                var bytes = Vector512.Load(source + i);
                var (low, high) = isSigned ? Vector512.Widen(bytes.AsSByte()) : Shorts(Vector512.Widen(bytes));
                var (a, b) = Vector512.Widen(low - zero);
                var (c, d) = Vector512.Widen(high - zero);
                (Vector512.ConvertToSingle(a) * factor).Store(target + i);
                (Vector512.ConvertToSingle(b) * factor).Store(target + i + 16);
                (Vector512.ConvertToSingle(c) * factor).Store(target + i + 32);
                (Vector512.ConvertToSingle(d) * factor).Store(target + i + 48);
            }
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            var zero = Vector128.Create((short)zeroPoint);
            var factor = Vector128.Create(scale);
            for (; i <= count - 16; i += 16)
            {
                var bytes = Vector128.Load(source + i);
                var (low, high) = isSigned ? Vector128.Widen(bytes.AsSByte()) : Shorts(Vector128.Widen(bytes));
                var (a, b) = Vector128.Widen(low - zero);
                var (c, d) = Vector128.Widen(high - zero);
                (Vector128.ConvertToSingle(a) * factor).Store(target + i);
                (Vector128.ConvertToSingle(b) * factor).Store(target + i + 4);
                (Vector128.ConvertToSingle(c) * factor).Store(target + i + 8);
                (Vector128.ConvertToSingle(d) * factor).Store(target + i + 12);
            }
        }
        for (; i < count; i++)
            target[i] = (QuantizedFormat.Read(source + i, isSigned) - zeroPoint) * scale;
    }

    private static (Vector128<short> Low, Vector128<short> High) Shorts((Vector128<ushort> Low, Vector128<ushort> High) pair) =>
        (pair.Low.AsInt16(), pair.High.AsInt16());

    private static (Vector512<short> Low, Vector512<short> High) Shorts((Vector512<ushort> Low, Vector512<ushort> High) pair) =>
        (pair.Low.AsInt16(), pair.High.AsInt16());
}
