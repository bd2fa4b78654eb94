using System.Numerics;

namespace Nabi.Formats;

/// <summary>
/// Symbols of a matrix, coded as yes or no under contexts, as DeepCABAC does it (Wiedemann et al. 2020, "DeepCABAC: A Universal Compression Algorithm for Deep Neural
/// Networks", section III): is it something else than symbol 0, and if so which, bit by bit. Where the others are tells more than how many they are: an input that
/// nobody needs is 0 in every row. So the contexts are the column, the row and the neighbours, mixed (<see cref="BitMixer"/>).
/// </summary>
internal static class ContextCoder
{
    private const int NeighbourContexts = 32;
    private const int DensityLevels = 12;
    private const int LastSymbols = 8;
    private const byte Inherited = 4;

    /// <summary>Appends the coded symbols.</summary>
    /// <param name="symbols">Row by row, each below <paramref name="alphabet"/>.</param>
    /// <param name="columns">Columns of the matrix.</param>
    /// <param name="alphabet">How many symbols there may be, 2 to 256.</param>
    /// <param name="writer">Receives the bytes.</param>
    public static void Encode(ReadOnlySpan<byte> symbols, int columns, int alphabet, ByteWriter writer)
    {
        var (state, encoder) = (new State(columns, alphabet), new BinaryEncoder(writer));
        foreach (var symbol in symbols)
        {
            encoder.Encode(symbol == 0 ? 0 : 1, state.ForetellOther());
            state.LearnOther(symbol != 0);
            if (symbol == 0) continue;
            for (var shift = state.SymbolBits - 1; shift >= 0; shift--)
            {
                var bit = ((symbol - 1) >> shift) & 1;
                encoder.Encode(bit, state.ForetellBit());
                state.LearnBit(bit);
            }
            state.EndSymbol();
        }
        encoder.Finish();
    }

    /// <summary>Fills <paramref name="into"/> with symbols.</summary>
    /// <exception cref="NabiException">The data are damaged.</exception>
    public static void Decode(ref ByteReader reader, int columns, int alphabet, Span<byte> into)
    {
        var state = new State(columns, alphabet);
        var decoder = new BinaryDecoder(reader.Bytes(reader.Remaining));
        for (var i = 0; i < into.Length; i++)
        {
            var other = decoder.Decode(state.ForetellOther());
            state.LearnOther(other != 0);
            if (other == 0)
            {
                into[i] = 0;
                continue;
            }
            for (var left = state.SymbolBits; left > 0; left--) state.LearnBit(decoder.Decode(state.ForetellBit()));
            var symbol = state.EndSymbol();
            if (symbol >= alphabet) throw new NabiException("a context-coded symbol is damaged");
            into[i] = (byte)symbol;
        }
    }

    /// <summary>What both sides know of the symbols so far.</summary>
    private sealed class State
    {
        private readonly int _columns;
        private readonly BitMixer _others;
        private readonly BitMixer? _bits;
        private readonly bool[] _above;      // were the last symbols, one row back, others?
        private readonly int[] _perColumn;   // others per column
        private readonly int[] _lastInColumn;
        private int _row = -1;
        private int _column = int.MaxValue - 1;
        private int _perRow;
        private int _before;                 // the last five answers of the row
        private int _node = 1;
        private int _lastNode;
        private int _columnNode;

        public State(int columns, int alphabet)
        {
            _columns = columns;
            _above = new bool[columns];
            _perColumn = new int[columns];
            _lastInColumn = new int[columns];
            _others = new BitMixer(columns + 2 + NeighbourContexts + (DensityLevels * DensityLevels), 5, DensityLevels);
            SymbolBits = alphabet < 3 ? 0 : 32 - BitOperations.LeadingZeroCount((uint)(alphabet - 2));
            if (SymbolBits > 0) _bits = new BitMixer((1 + (2 * LastSymbols)) << SymbolBits, 3, SymbolBits);
        }

        /// <summary>Bits that tell the other symbols apart.</summary>
        public int SymbolBits { get; }

        private int RowSlot => _columns;

        private int MeanSlot => _columns + 1;

        public int ForetellOther()
        {
            if (++_column >= _columns) BeginRow();
            if (_others.Seen(_column) == 0) _others.Inherit(_column, MeanSlot, 1);
            var right = _column + 1 < _columns && _above[_column + 1] ? 1 : 0;
            var neighbours = (_before & 7) | (_above[_column] ? 8 : 0) | (right * 16);
            var (level, rowLevel) = (Level(_perColumn[_column], _row), Level(_perRow, _column));
            var slots = _others.Slots;
            slots[0] = _column;
            slots[1] = RowSlot;
            slots[2] = _columns + 2 + neighbours;
            slots[3] = _columns + 2 + NeighbourContexts + (level * DensityLevels) + rowLevel;
            slots[4] = MeanSlot;
            return _others.Foretell(level);
        }

        public void LearnOther(bool isOther)
        {
            _others.Learn(isOther ? 1 : 0);
            _before = (_before << 1) | (isOther ? 1 : 0);
            _above[_column] = isOther;
            if (!isOther) return;
            _perRow++;
            _perColumn[_column]++;
            _node = 1;
            _columnNode = _lastInColumn[_column];
        }

        public int ForetellBit()
        {
            var size = 1 << SymbolBits;
            var slots = _bits!.Slots;
            slots[0] = _node;
            slots[1] = (size * (1 + _lastNode)) + _node;
            slots[2] = (size * (1 + LastSymbols + _columnNode)) + _node;
            return _bits.Foretell(BitOperations.Log2((uint)_node));
        }

        public void LearnBit(int bit)
        {
            _bits!.Learn(bit);
            _node = (_node << 1) | bit;
        }

        /// <summary>Ends a symbol that is not 0, and returns it.</summary>
        public int EndSymbol()
        {
            var value = SymbolBits == 0 ? 0 : _node - (1 << SymbolBits);
            // The three highest bits of the symbol before it in the row and in the column.
            _lastNode = SymbolBits == 0 ? 0 : (value * LastSymbols) >> SymbolBits;
            _lastInColumn[_column] = _lastNode;
            return value + 1;
        }

        private void BeginRow()
        {
            _row++;
            (_column, _perRow, _before) = (0, 0, 0);
            _others.Inherit(RowSlot, MeanSlot, Inherited);
        }

        // How many of those there were: powers of two from less than one in 64 to all, apart from where little or none was seen.
        private static int Level(int others, int of) => of < 4 ? 0
            : others == 0 ? (of < 16 ? 1 : of < 64 ? 2 : 3)
            : (long)others * 64 / of is var part and > 0 ? 5 + BitOperations.Log2((ulong)part) : 4;
    }
}
