using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>Stored bytes widened with their zero point taken off, and narrowed again.</summary>
internal static unsafe class Bytes
{
    private const byte SignBit = 128;

    /// <summary>target = source - zeroPoint.</summary>
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
        if (Vector128.IsHardwareAccelerated && count >= 8)
        {
            // The last register overlaps the one before: short rows have no scalar tail.
            var zero = Vector128.Create((short)zeroPoint);
            for (; i < count; i += 8)
            {
                var at = Math.Min(i, count - 8);
                var eight = Vector128.CreateScalar(*(ulong*)(source + at));
                var wide = isSigned ? Vector128.WidenLower(eight.AsSByte()) : Vector128.WidenLower(eight.AsByte()).AsInt16();
                (wide - zero).Store(target + at);
            }
        }
        for (; i < count; i++)
            target[i] = (short)(QuantizedFormat.Read(source + i, isSigned) - zeroPoint);
    }

    /// <summary>target = source + 128: signed bytes as unsigned ones.</summary>
    public static void ToUnsigned(byte* source, long count, byte* target)
    {
        long i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i <= count - 64; i += 64)
                (Vector512.Load(source + i) ^ Vector512.Create(SignBit)).Store(target + i);
        }
        if (Vector128.IsHardwareAccelerated && count >= 16)
        {
            // The last register overlaps the one before: short rows have no scalar tail.
            for (; i < count; i += 16)
            {
                var at = Math.Min(i, count - 16);
                (Vector128.Load(source + at) ^ Vector128.Create(SignBit)).Store(target + at);
            }
        }
        for (; i < count; i++)
            target[i] = (byte)(source[i] ^ SignBit);
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
        if (Vector128.IsHardwareAccelerated)
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

    /// <summary>target = round(source / scale) + zero point, limited to the stored type; halves to even, not-a-number gives the zero point.</summary>
    public static void FromFloats(float* source, long count, in QuantizedFormat format, byte* target)
    {
        long i = 0;
        float low = format.Min - format.ZeroPoint, high = format.Max - format.ZeroPoint;
        if (Vector512.IsHardwareAccelerated)
        {
            var zero = Vector512.Create(format.ZeroPoint);
            for (; i <= count - 64; i += 64)
            {
                var a = Rounded512(source + i, format.Scale, low, high) + zero;
                var b = Rounded512(source + i + 16, format.Scale, low, high) + zero;
                var c = Rounded512(source + i + 32, format.Scale, low, high) + zero;
                var d = Rounded512(source + i + 48, format.Scale, low, high) + zero;
                Vector512.Narrow(Vector512.Narrow(a, b), Vector512.Narrow(c, d)).AsByte().Store(target + i);
            }
        }
        if (Vector128.IsHardwareAccelerated)
        {
            var zero = Vector128.Create(format.ZeroPoint);
            for (; i <= count - 16; i += 16)
            {
                var a = Rounded128(source + i, format.Scale, low, high) + zero;
                var b = Rounded128(source + i + 4, format.Scale, low, high) + zero;
                var c = Rounded128(source + i + 8, format.Scale, low, high) + zero;
                var d = Rounded128(source + i + 12, format.Scale, low, high) + zero;
                Vector128.Narrow(Vector128.Narrow(a, b), Vector128.Narrow(c, d)).AsByte().Store(target + i);
            }
        }
        for (; i < count; i++)
        {
            var rounded = Math.Clamp(MathF.Round(source[i] / format.Scale, MidpointRounding.ToEven), low, high);
            target[i] = (byte)((float.IsNaN(rounded) ? 0 : (int)rounded) + format.ZeroPoint);
        }
    }

    /// <summary>The low bytes of a register, 1 to 16 of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(Vector128<byte> value, byte* target, int count)
    {
        if (count >= 16)
        {
            value.Store(target);
            return;
        }
        var rest = value.AsUInt64().ToScalar();
        if ((count & 8) != 0)
        {
            *(ulong*)target = rest;
            rest = value.AsUInt64().GetElement(1);
            target += 8;
        }
        if ((count & 4) != 0)
        {
            *(uint*)target = (uint)rest;
            rest >>= 32;
            target += 4;
        }
        if ((count & 2) != 0)
        {
            *(ushort*)target = (ushort)rest;
            rest >>= 16;
            target += 2;
        }
        if ((count & 1) != 0)
            *target = (byte)rest;
    }

    // Not-a-number passes the limits and converts to 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Rounded512(float* source, float scale, float low, float high) =>
        Vector512.ConvertToInt32(Lanes512.Clamp(Vector512.Round(Vector512.Load(source) / Vector512.Create(scale)), low, high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Rounded128(float* source, float scale, float low, float high) =>
        Vector128.ConvertToInt32(Lanes128.Clamp(Vector128.Round(Vector128.Load(source) / Vector128.Create(scale)), low, high));

    private static (Vector128<short> Low, Vector128<short> High) Shorts((Vector128<ushort> Low, Vector128<ushort> High) pair) =>
        (pair.Low.AsInt16(), pair.High.AsInt16());

    private static (Vector512<short> Low, Vector512<short> High) Shorts((Vector512<ushort> Low, Vector512<ushort> High) pair) =>
        (pair.Low.AsInt16(), pair.High.AsInt16());
}
