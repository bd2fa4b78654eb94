namespace Nabi;

/// <summary>
/// The seeded source of chance: xoshiro256** (Blackman and Vigna, 2018), seeded by SplitMix64. Its state can be saved and
/// restored, so that an interrupted training goes on with the same bits.
/// </summary>
public sealed class Rng
{
    private ulong _s0, _s1, _s2, _s3;

    /// <summary>Starts from a seed. Equal seeds give equal sequences on every machine.</summary>
    public Rng(ulong seed) => Restart(seed);

    /// <summary>Starts again from a seed, as a new generator would: for loops that must not allocate.</summary>
    public void Restart(ulong seed)
    {
        _s0 = SplitMix(ref seed);
        _s1 = SplitMix(ref seed);
        _s2 = SplitMix(ref seed);
        _s3 = SplitMix(ref seed);
    }

    /// <summary>The whole state: four numbers.</summary>
    public ulong[] State
    {
        get => [_s0, _s1, _s2, _s3];
        set => (_s0, _s1, _s2, _s3) = (value[0], value[1], value[2], value[3]);
    }

    /// <summary>An independent generator for one purpose (a layer, an epoch, a sample); this one does not advance.</summary>
    public Rng Fork(ulong stream)
    {
        var mix = stream * 0x9E3779B97F4A7C15UL ^ _s0 ^ ulong.RotateLeft(_s2, 17);
        return new Rng(SplitMix(ref mix));
    }

    /// <summary>64 uniformly random bits.</summary>
    public ulong NextUInt64()
    {
        var result = ulong.RotateLeft(_s1 * 5, 7) * 9;
        var t = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= t;
        _s3 = ulong.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>Uniform in [0, 1), 24 bits.</summary>
    public float NextSingle() => (NextUInt64() >> 40) * (1f / (1 << 24));

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1L << 53));

    /// <summary>Uniform integer in [0, <paramref name="bound"/>), without bias.</summary>
    public int Next(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        var limit = (uint)(0x1_0000_0000UL % (uint)bound);
        while (true)
        {
            var product = (NextUInt64() >> 32) * (uint)bound;
            if ((uint)product >= limit) return (int)(product >> 32);
        }
    }

    /// <summary>Standard normal, by Box and Muller's method.</summary>
    public double NextGaussian() =>
        Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble());

    /// <summary>Puts the items in random order (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static ulong SplitMix(ref ulong state)
    {
        var z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
