namespace Nabi.Runtime.Kernels;

/// <summary>The pixels that a sparse matrix is multiplied with, a register of them after the other, and where their results go.</summary>
internal unsafe interface ISparseSource
{
    /// <summary>Registers of pixels.</summary>
    /// <param name="lanes">Lanes of a register.</param>
    int Registers(int lanes);

    /// <summary>How many of the registers from <paramref name="first"/> on can be turned together.</summary>
    /// <param name="first">The first.</param>
    /// <param name="most">No more than so many.</param>
    /// <param name="lanes">Lanes of a register.</param>
    int Together(int first, int most, int lanes);

    /// <summary>Puts the pixels of some registers into lanes.</summary>
    /// <param name="first">The first register.</param>
    /// <param name="count">How many, from <see cref="Together"/>.</param>
    /// <param name="tiles">Receives them.</param>
    /// <param name="block">As many floats as a square of registers.</param>
    void Turn<L, V>(int first, int count, float* tiles, float* block)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;

    /// <summary>Floats from the start of what was turned to a register's tile.</summary>
    /// <param name="first">The first register that was turned.</param>
    /// <param name="index">Which of them.</param>
    /// <param name="lanes">Lanes of a register.</param>
    int TileAt(int first, int index, int lanes);

    /// <summary>Stores sums.</summary>
    /// <param name="sink">What is done with them.</param>
    /// <param name="sums">A register of columns for each pixel.</param>
    /// <param name="register">Whose sums they are.</param>
    /// <param name="column">The first column.</param>
    /// <param name="left">Columns from there to the end.</param>
    void Store<L, V>(in SparseRows sink, float* sums, int register, int column, int left)
        where L : unmanaged, ILanes<V>
        where V : unmanaged;
}
