namespace Nabi.Runtime.Kernels;

/// <summary>How the channels of a pixel lie as bits: words of 32, those of a group of channels together.</summary>
/// <remarks>
/// <para>Binary: a one stands for +1, a zero for -1 and, past the last channel, for nothing, in activations and in weights alike.</para>
/// <para>Ternary: two words for the same 32 channels, whose mean is the number: ones in both for +1, in the first only for 0, in neither for -1. The weights' word stands twice, so that
/// a zero differs from any weight in exactly one of two bits.</para>
/// <para>Padding is zeros in both forms: what it adds to a count is known from the weights.</para>
/// <para>Kernels that carry (<see cref="IsRunning"/>) take every word as the exclusive or of all words up to it: of the words of a window, and of a column of weights.</para>
/// </remarks>
/// <param name="Channels">Channels of a group.</param>
/// <param name="IsTernary">Whether activations are -1, 0 or 1.</param>
/// <param name="IsRunning">Whether words are stored as running parities.</param>
internal readonly record struct BitFormat(int Channels, bool IsTernary, bool IsRunning)
{
    /// <summary>Bits of a word.</summary>
    public const int WordBits = 32;

    /// <summary>Words before a line of pixels of running parities, the last of which is zeros: as many as a register holds, so that lines start as their memory does.</summary>
    public const int LineGap = 8;

    /// <summary>Words of a pixel.</summary>
    public int Words => (IsTernary ? 2 : 1) * ((Channels + WordBits - 1) / WordBits);

    /// <summary>By how much a bit that differs lowers a sum.</summary>
    public int Weight => IsTernary ? 1 : 2;

    /// <summary>Sum of a tap whose bits are all the same.</summary>
    public int Most => IsTernary ? Words / 2 * WordBits : Channels;

    /// <summary>Columns of a packed panel.</summary>
    public int PanelColumns => IsRunning ? BitLoop.Width : TileLoop.PanelColumns;

    /// <summary>Words of a window: an even number where they are read in pairs.</summary>
    public int WindowWords(int taps) => IsRunning ? ((taps * Words) + 1) / 2 * 2 : taps * Words;

    /// <summary>Words of a column of a packed panel: running parities start from zeros.</summary>
    public int ColumnWords(int taps) => WindowWords(taps) + (IsRunning ? 1 : 0);
}
