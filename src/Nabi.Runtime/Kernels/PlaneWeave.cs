using System.Runtime.Intrinsics;

namespace Nabi.Runtime.Kernels;

/// <summary>The planes of an image become the channels of its pixels.</summary>
internal static unsafe class PlaneWeave
{
    /// <summary>Any number of planes.</summary>
    /// <param name="planes">The first pixel in the first plane.</param>
    /// <param name="plane">Elements from one plane to the next.</param>
    /// <param name="channels">Planes.</param>
    /// <param name="target">Receives count * channels elements.</param>
    /// <param name="count">Pixels.</param>
    public static void Run(uint* planes, long plane, int channels, uint* target, long count)
    {
        if (channels == 3)
        {
            Three(planes, plane, target, count);
            return;
        }
        for (var c = 0; c < channels; c++, planes += plane)
        {
            var to = target + c;
            for (long i = 0; i < count; i++, to += channels)
                *to = planes[i];
        }
    }

    /// <summary>Three planes: 4 pixels at a time as three registers.</summary>
    public static void Three(uint* a, long plane, uint* target, long count)
    {
        var b = a + plane;
        var c = b + plane;
        var second = Vector128.Create(0u, ~0u, 0, 0);
        var third = Vector128.Create(0u, 0, ~0u, 0);
        long i = 0;
        for (; i <= count - Vector128<uint>.Count; i += Vector128<uint>.Count, target += 3 * Vector128<uint>.Count)
        {
            var (x, y, z) = (Vector128.Load(a + i), Vector128.Load(b + i), Vector128.Load(c + i));
            // a0 b0 c0 a1 | b1 c1 a2 b2 | c2 a3 b3 c3
            Blend(Vector128.Shuffle(x, Vector128.Create(0u, 0, 0, 1)), Vector128.Shuffle(y, Vector128.Create(0u, 0, 0, 0)), Vector128.Shuffle(z, Vector128.Create(0u, 0, 0, 0))).Store(target);
            Blend(Vector128.Shuffle(y, Vector128.Create(1u, 1, 1, 2)), Vector128.Shuffle(z, Vector128.Create(1u, 1, 1, 1)), Vector128.Shuffle(x, Vector128.Create(2u, 2, 2, 2))).Store(target + 4);
            Blend(Vector128.Shuffle(z, Vector128.Create(2u, 2, 2, 3)), Vector128.Shuffle(x, Vector128.Create(3u, 3, 3, 3)), Vector128.Shuffle(y, Vector128.Create(3u, 3, 3, 3))).Store(target + 8);
        }
        for (; i < count; i++, target += 3) (target[0], target[1], target[2]) = (a[i], b[i], c[i]);

        Vector128<uint> Blend(Vector128<uint> ends, Vector128<uint> in1, Vector128<uint> in2) =>
            Vector128.ConditionalSelect(second, in1, Vector128.ConditionalSelect(third, in2, ends));
    }
}
