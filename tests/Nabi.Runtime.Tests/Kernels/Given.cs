using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

/// <summary>Test inputs and comparisons.</summary>
internal static class Given
{
    /// <summary>0 to twice the width and one more.</summary>
    public static int LongestTail => (2 * Simd.Lanes) + 1;

    /// <summary>Numbers in [low, high) from a fixed multiplicative sequence.</summary>
    public static GuardedBuffer<float> Floats(long length, int seed, float low = -1f, float high = 1f)
    {
        var buffer = new GuardedBuffer<float>(length);
        var state = ((ulong)seed * 0x9E3779B97F4A7C15) + 1;
        foreach (ref var x in buffer.Span)
            x = low + ((high - low) * (Next(ref state) * (1f / 16777216f)));
        return buffer;
    }

    /// <summary>Integers in [low, high].</summary>
    public static GuardedBuffer<sbyte> Bytes(long length, int seed, int low = -128, int high = 127)
    {
        var buffer = new GuardedBuffer<sbyte>(length);
        var state = ((ulong)seed * 0x9E3779B97F4A7C15) + 1;
        foreach (ref var x in buffer.Span)
            x = (sbyte)(low + (int)(Next(ref state) % (uint)(high - low + 1)));
        return buffer;
    }

    public static void Near(ReadOnlySpan<double> expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            var error = Math.Abs(expected[i] - actual[i]);
            Assert.True(error <= tolerance * Math.Max(1, Math.Abs(expected[i])), $"{what}: element {i} is {actual[i]}, expected {expected[i]}");
        }
    }

    private static uint Next(ref ulong state)
    {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (uint)(state >> 40);
    }
}
