using System.ComponentModel;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Emitted micro-kernels for products of bytes, and whether they may be used.</summary>
internal sealed unsafe class ByteTiles : IDisposable
{
    /// <summary>Set to 0 it keeps the managed kernels.</summary>
    public const string Switch = "NABI_EMIT";

    private static readonly Lazy<(ByteTiles? Tiles, string? Fault)> Process = new(MakeChecked);

    private readonly CodeMemory memory;

    /// <summary>Emits the set for one kind of registers, unchecked.</summary>
    /// <param name="registers">The registers.</param>
    /// <param name="requantizes">Whether the kernels take <see cref="StripArguments"/>; only as <see cref="ByteTileForm.CanRequantize"/> allows.</param>
    public ByteTiles(VectorForm registers, bool requantizes = false)
    {
        Registers = registers;
        Requantizes = requantizes;
        Forms = ByteTileForm.SetOf(registers, requantizes);
        var codes = Array.ConvertAll(Forms, ByteTileEmitter.Emit);
        var starts = new int[codes.Length];
        using var all = new MemoryStream();
        for (var i = 0; i < codes.Length; i++)
        {
            all.SetLength((all.Length + 63) / 64 * 64);   // kernels start on cache lines
            all.Position = all.Length;
            starts[i] = (int)all.Length;
            all.Write(codes[i]);
        }
        memory = new CodeMemory(all.ToArray());
        nint Address(int rows, int columns, bool asks = false) =>
            Array.IndexOf(Forms, new ByteTileForm(registers, rows, columns, requantizes, asks)) is >= 0 and var i ? (nint)memory.Start + starts[i] : 0;
        Kernels = new Pointers(Address(8, 2), Address(8, 1), Address(4, 2), Address(1, 2), Address(8, 2, asks: true));
    }

    /// <summary>The tiles this process uses, emitted and checked when first asked for; null for the managed kernels.</summary>
    public static ByteTiles? Current => Process.Value.Tiles;

    /// <summary>Why emitted tiles that this processor could run are not used although nobody switched them off, in one line; else null.</summary>
    public static string? Fault => Process.IsValueCreated ? Process.Value.Fault : null;

    /// <summary>Their registers.</summary>
    public VectorForm Registers { get; }

    /// <summary>Whether the kernels store requantized bytes, else sums.</summary>
    public bool Requantizes { get; }

    /// <summary>The micro-kernels of the set.</summary>
    public ByteTileForm[] Forms { get; }

    /// <summary>The micro-kernels, callable while this object lives.</summary>
    public Pointers Kernels { get; }

    public void Dispose() => memory.Dispose();

    private static (ByteTiles? Tiles, string? Fault) MakeChecked()
    {
        if (Environment.GetEnvironmentVariable(Switch) == "0" || ByteTileForm.OfThisProcess() is not { } registers) return (null, null);
        ByteTiles tiles;
        try
        {
            tiles = new ByteTiles(registers, ByteTileForm.CanRequantize(registers));
        }
        catch (Win32Exception refusal)
        {
            return (null, $"{ByteTileForm.NameOf(registers)} kernels are off: the system allows no emitted code ({refusal.Message})");
        }
        if (ByteTileCheck.FirstWrong(tiles) is not { } wrong) return (tiles, null);
        tiles.Dispose();
        return (null, $"{ByteTileForm.NameOf(registers)} kernels are off: that of {wrong.Rows} x {wrong.Columns} registers differs from the reference");
    }

    /// <summary>Entry points, by tile.</summary>
    public readonly struct Pointers(nint eight, nint narrow, nint four, nint one, nint asking) : ITiles
    {
        /// <summary>Runs the kernel for a tile of 1, 4 or 8 rows. Short and without a way back into managed code: it needs no transition.</summary>
        public void Run(TileArguments* t, int rows, bool isNarrow, bool isPair)
        {
            ((delegate* unmanaged[SuppressGCTransition]<TileArguments*, void>)For(rows, isNarrow))(t);
        }

        /// <summary>The same for tiles of requantized bytes.</summary>
        public void Run(StripArguments* t, int rows, bool isNarrow)
        {
            var asks = t->NextStep != 0 && rows == TileLoop.MaxTileRows && !isNarrow;
            ((delegate* unmanaged[SuppressGCTransition]<StripArguments*, void>)(asks ? asking : For(rows, isNarrow)))(t);
        }

        private nint For(int rows, bool isNarrow) => rows == 8 ? (isNarrow ? narrow : eight) : rows == 4 ? four : one;
    }
}
