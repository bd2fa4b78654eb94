namespace Nabi.Ops;

/// <summary>
/// The one affine quantization, in the reference evaluation: q = saturate(round(x / scale) + zero), ties to even, and x = (q - zero) scale.
/// Floats narrower than 64 bits are quantized in single precision, as every kernel does, so that ties fall equally.
/// </summary>
internal static class Affine
{
    /// <summary>The limits of an integer type.</summary>
    public static (long Min, long Max) Limits(DType type) => type switch
    {
        DType.Int4 => (-8, 7),
        DType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
        DType.UInt8 => (0, byte.MaxValue),
        DType.Int16 => (short.MinValue, short.MaxValue),
        DType.UInt16 => (0, ushort.MaxValue),
        DType.Int32 => (int.MinValue, int.MaxValue),
        _ => throw new NabiException($"numbers cannot be quantized to {type}; use Int4, Int8, UInt8, Int16, UInt16 or Int32"),
    };

    /// <summary>For every element of a tensor, which element of a scale holds its parameters.</summary>
    /// <param name="shape">Of the tensor.</param>
    /// <param name="scale">One element, a vector along the axis, or with a block size a tensor of the same rank.</param>
    /// <param name="axis">The axis of a vector or of blocks; negative counts from the end.</param>
    /// <param name="blockSize">Elements that share a scale along the axis; 0 for none.</param>
    /// <exception cref="NabiException">The scale does not fit.</exception>
    public static int[] Offsets(Shape shape, Shape scale, long axis, int blockSize)
    {
        var offsets = new int[shape.Count];
        if (blockSize <= 0 && scale.Count == 1) return offsets;
        var along = shape.Axis(axis);
        var blocked = blockSize > 0;
        if (!Fits(shape, scale, along, blockSize))
            throw new NabiException($"a scale of shape {scale} does not fit {shape} along axis {along}{(blocked ? $" in blocks of {blockSize}" : "")}");
        var (inner, size) = (shape.CountOf(along + 1, shape.Rank), shape[along]);
        for (var i = 0; i < offsets.Length; i++)
        {
            var at = i / inner % size;
            offsets[i] = blocked ? (i / inner / size * scale[along] + at / blockSize) * inner + i % inner : at;
        }
        return offsets;
    }

    /// <summary>Can a scale of this shape belong to a tensor of that shape?</summary>
    public static bool Fits(Shape shape, Shape scale, int axis, int blockSize)
    {
        if (blockSize <= 0) return scale.Rank == 1 && (shape[axis] == scale[0] || shape[axis] == Shape.Unknown || scale[0] == Shape.Unknown);
        if (scale.Rank != shape.Rank) return false;
        for (var i = 0; i < shape.Rank; i++)
        {
            var expected = i == axis && shape[i] != Shape.Unknown ? (shape[i] - 1) / blockSize + 1 : shape[i];
            if (expected != scale[i] && expected != Shape.Unknown && scale[i] != Shape.Unknown) return false;
        }
        return true;
    }

    /// <summary>One number to its integer.</summary>
    public static long Quantize(double x, double scale, long zero, long min, long max, bool isDouble)
    {
        var ratio = isDouble ? Math.Round(x / scale, MidpointRounding.ToEven) : MathF.Round((float)x / (float)scale, MidpointRounding.ToEven);
        return double.IsNaN(ratio) ? Math.Clamp(zero, min, max) : (long)Math.Clamp(ratio + zero, min, max);
    }

    /// <summary>One integer to its number.</summary>
    public static double Dequantize(long q, double scale, long zero, bool isDouble) => isDouble ? (q - zero) * scale : (q - zero) * (float)scale;

    /// <summary>q - zero in double precision, which holds it exactly.</summary>
    /// <param name="q">The integers.</param>
    /// <param name="zero">A scalar, a vector along the axis, or a tensor that broadcasts; null is 0.</param>
    /// <param name="axis">The axis of a vector; negative counts from the end.</param>
    public static Tensor Centered(Tensor q, Tensor? zero, int axis)
    {
        var result = q.Cast(DType.Float64);
        if (zero is null) return result;
        var offsets = Spread(q.Shape, zero.Shape, axis);
        var numbers = zero.ToInt64();
        for (var i = 0; i < offsets.Length; i++) result.Span<double>()[i] -= numbers[offsets[i]];
        return result;
    }

    /// <summary>Like <see cref="Offsets"/>, and also for tensors of a higher rank that broadcast.</summary>
    public static int[] Spread(Shape shape, Shape numbers, int axis) =>
        numbers.Rank <= 1 ? Offsets(shape, numbers, axis, 0) : Elementwise.BroadcastOffsets(numbers, shape);

    /// <summary>
    /// Sums of products to the integers of another scale: saturate(round(sum multiplier) + zero), with sum and product in single precision
    /// and ties to even.
    /// </summary>
    /// <param name="sums">Exact sums of products.</param>
    /// <param name="multiplier">For every sum, scale of the left times scale of the right over scale of the result.</param>
    /// <param name="zero">Zero point of the result, whose type the result takes.</param>
    public static Tensor Requantize(Tensor sums, ReadOnlySpan<float> multiplier, Tensor zero)
    {
        var (min, max) = Limits(zero.DType);
        var z = zero.ToInt64()[0];
        var result = Tensor.Empty(DType.Int32, sums.Shape);
        var from = sums.Span<double>();
        for (var i = 0; i < from.Length; i++)
            result.Span<int>()[i] = (int)Math.Clamp(MathF.Round((float)from[i] * multiplier[i], MidpointRounding.ToEven) + (double)z, min, max);
        return result.Cast(zero.DType);
    }
}
