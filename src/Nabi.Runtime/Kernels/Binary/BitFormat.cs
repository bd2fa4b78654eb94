namespace Nabi.Runtime.Kernels;

/// <summary>How the channels of a pixel lie as bits: words of 32 in pairs, those of a group of channels together.</summary>
/// <remarks>
/// <para>Binary: a one stands for +1, a zero for -1 and, past the last channel, for nothing, in activations and in weights alike.</para>
/// <para>Ternary: two words for the same 32 channels, x >= 0 ... whose mean is the number: ones in both for +1, in the first only for 0, in neither for -1. The weights' word
/// stands twice, so that a zero differs from any weight in exactly one of two bits.</para>
/// <para>Kernels that carry (<see cref="IsPaired"/>) take the second word of a pair as its difference to the first, in activations and weights.</para>
/// </remarks>
/// <param name="Channels">Channels of a group.</param>
/// <param name="IsTernary">Whether activations are -1, 0 or 1.</param>
/// <param name="IsPaired">Whether second words are stored as differences.</param>
internal readonly record struct BitFormat(int Channels, bool IsTernary, bool IsPaired)
{
    /// <summary>Bits of a word.</summary>
    public const int WordBits = 32;

    /// <summary>Words of a pixel, always even.</summary>
    public int Words => 2 * Pairs;

    /// <summary>Pairs of words of a pixel.</summary>
    public int Pairs => (Channels + PairChannels - 1) / PairChannels;

    /// <summary>Channels of a pair of words.</summary>
    public int PairChannels => IsTernary ? WordBits : 2 * WordBits;

    /// <summary>A pair as it is stored.</summary>
    public ulong Stored(uint first, uint second) => first | ((ulong)(IsPaired ? first ^ second : second) << WordBits);

    /// <summary>What stands for a pixel of zeros: in the binary form nothing can, so that its contribution is taken off afterwards.</summary>
    public ulong Padding => IsTernary ? Stored(uint.MaxValue, 0) : 0;
}
