using System.ComponentModel;
using System.Runtime.Intrinsics.X86;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>One micro-kernel that counts bits: <paramref name="Rows"/> times <paramref name="Columns"/> registers of 16 counts.</summary>
internal readonly record struct BitTileForm(int Rows, int Columns);

/// <summary>Emitted micro-kernels that count differing bits, and whether they may be used.</summary>
internal sealed unsafe class BitTiles : IDisposable
{
    private static readonly Lazy<BitTiles?> Process = new(MakeChecked);

    private readonly CodeMemory memory;

    /// <summary>Emits the set, unchecked.</summary>
    public BitTiles()
    {
        BitTileForm[] forms = [new(8, 2), new(8, 1), new(4, 2), new(1, 2)];
        var starts = new nint[forms.Length];
        using var all = new MemoryStream();
        for (var i = 0; i < forms.Length; i++)
        {
            all.SetLength((all.Length + 63) / 64 * 64);   // kernels start on cache lines
            all.Position = starts[i] = (nint)all.Length;
            all.Write(BitTileEmitter.Emit(forms[i]));
        }
        memory = new CodeMemory(all.ToArray());
        Forms = forms;
        Kernels = new Pointers((nint)memory.Start + starts[0], (nint)memory.Start + starts[1], (nint)memory.Start + starts[2], (nint)memory.Start + starts[3]);
    }

    /// <summary>The tiles this process uses, emitted and checked when first asked for; null for the managed kernels.</summary>
    public static BitTiles? Current => Process.Value;

    /// <summary>Whether this processor counts bits in 512-bit registers, and kernels use these.</summary>
    public static bool IsSupported => Simd.Lanes == 16 && X86Base.X64.IsSupported && Avx512F.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ecx & (1 << 14)) != 0;

    /// <summary>The micro-kernels of the set.</summary>
    public IReadOnlyList<BitTileForm> Forms { get; }

    /// <summary>The micro-kernels, callable while this object lives.</summary>
    public Pointers Kernels { get; }

    public void Dispose() => memory.Dispose();

    private static BitTiles? MakeChecked()
    {
        if (Environment.GetEnvironmentVariable(ByteTiles.Switch) == "0" || !IsSupported) return null;
        BitTiles tiles;
        try
        {
            tiles = new BitTiles();
        }
        catch (Win32Exception)
        {
            return null;   // the system allows no emitted code: the managed kernels run
        }
        if (tiles.Forms.All(f => BitTileCheck.IsRight(tiles.Kernels, f))) return tiles;
        tiles.Dispose();
        return null;
    }

    /// <summary>Entry points, by tile.</summary>
    public readonly struct Pointers(nint eight, nint narrow, nint four, nint one)
    {
        /// <summary>Runs the kernel for a tile of 1, 4 or 8 rows and full panels, or of 8 rows and the first half of a panel. Without a way back into managed code: it needs no transition.</summary>
        public void Run(BitArguments* t, int rows, bool isNarrow) =>
            ((delegate* unmanaged[SuppressGCTransition]<BitArguments*, void>)(rows == 8 ? (isNarrow ? narrow : eight) : rows == 4 ? four : one))(t);
    }
}
