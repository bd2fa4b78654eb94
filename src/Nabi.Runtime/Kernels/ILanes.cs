namespace Nabi.Runtime.Kernels;

/// <summary>The arithmetic of a matrix micro-kernel on one register type, in 32-bit lanes.</summary>
/// <remarks>A "lane" is four bytes: a float, or a pair of 16-bit integers whose two products are added (the integer kernels).</remarks>
internal unsafe interface ITileLanes<V>
    where V : unmanaged
{
    static abstract int Count { get; }

    static abstract V Load(float* source);

    static abstract void Store(V value, float* target);

    /// <summary>One four-byte element in every lane.</summary>
    static abstract V Broadcast(float* source);

    static abstract V Add(V a, V b);

    /// <summary>a * b + c, fused where the processor fuses.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    /// <summary>Limits every lane to [low, high]; NaN stays NaN.</summary>
    static abstract V Clamp(V value, float low, float high);
}

/// <summary>Integer arithmetic that reads bytes.</summary>
internal unsafe interface IByteLanes<V> : ITileLanes<V>
    where V : unmanaged
{
    /// <summary>One unsigned byte in every lane.</summary>
    static abstract V LoadBytes(byte* source);
}

/// <summary>Float arithmetic on one register type: every kernel is written once over this and the compiler specialises it per width.</summary>
/// <remarks>Comparison results are lanes of all ones or all zeros. The one-lane form is plain <see cref="float"/>.</remarks>
internal unsafe interface ILanes<V> : ITileLanes<V>
    where V : unmanaged
{
    static abstract V Fill(float value);

    static abstract V Subtract(V a, V b);

    static abstract V Multiply(V a, V b);

    static abstract V Divide(V a, V b);

    /// <summary>The smaller; the second operand if either is NaN.</summary>
    static abstract V Min(V a, V b);

    /// <summary>The larger; the second operand if either is NaN.</summary>
    static abstract V Max(V a, V b);

    static abstract V Sqrt(V value);

    static abstract V Abs(V value);

    static abstract V Negate(V value);

    /// <summary>To the nearest integer, halves to even.</summary>
    static abstract V Round(V value);

    /// <summary>The magnitude of the first with the sign of the second.</summary>
    static abstract V CopySign(V magnitude, V sign);

    static abstract V Less(V a, V b);

    static abstract V Equal(V a, V b);

    static abstract V Select(V mask, V yes, V no);

    /// <summary>value - floor(value), rounded, in [0, 1]; 0 for infinities. Also what <see cref="Scale"/> takes for floor(value).</summary>
    static abstract V Fraction(V value, out V whole);

    /// <summary>value * 2^n with n from <see cref="Fraction"/>, rounded once: what is too large is infinite, what is too small subnormal or zero.</summary>
    static abstract V Scale(V value, V n);

    /// <summary>Splits a positive normal number into m in [sqrt(1/2), sqrt(2)) and an integral e with value = m * 2^e.</summary>
    static abstract V Split(V value, out V exponent);

    /// <summary>Of the eight signed 4-bit numbers in the bits of every lane, lowest first, number <paramref name="index"/>.</summary>
    static abstract V Nibble(V packed, int index);

    /// <summary>Of the eight 4-bit indices in the bits of every lane, lowest first, entry number <paramref name="index"/> of a table of 16 floats.</summary>
    static abstract V Entry(V packed, int index, float* table);

    /// <summary>Sum over the lanes, always in the same order.</summary>
    static abstract float Sum(V value);

    /// <summary>The largest lane; any lane if one is NaN.</summary>
    static abstract float Largest(V value);

    /// <summary>Stores the lanes of both in turn: a0, b0, a1, b1, ...</summary>
    static abstract void StorePairs(V a, V b, float* target);

    /// <summary>Writes <see cref="ITileLanes{V}.Count"/> rows of as many floats as columns.</summary>
    /// <param name="source">The rows.</param>
    /// <param name="stride">Floats from one row to the next.</param>
    /// <param name="target">Receives the columns as rows.</param>
    /// <param name="targetStride">Floats from one of those to the next.</param>
    static abstract void Transpose(float* source, nint stride, float* target, nint targetStride);
}
