using System.ComponentModel;
using System.Runtime.Intrinsics.X86;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Emitted micro-kernels that count differing bits, and whether they may be used.</summary>
internal sealed unsafe class BitTiles : IDisposable
{
    private static readonly Lazy<BitTiles?> Process = new(MakeChecked);

    private readonly CodeMemory memory;

    /// <summary>Emits the set, unchecked.</summary>
    public BitTiles()
    {
        int[] forms = [8, 6, 4, 2, 1];
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
        var start = (nint)memory.Start;
        Kernels = new Pointers(start + starts[0], start + starts[1], start + starts[2], start + starts[3], start + starts[4]);
    }

    /// <summary>The tiles this process uses, emitted and checked when first asked for; null for the managed kernels.</summary>
    public static BitTiles? Current => Process.Value;

    /// <summary>Whether this processor counts bits in 512-bit registers, and kernels use these.</summary>
    public static bool IsSupported => Simd.Lanes == 16 && X86Base.X64.IsSupported && Avx512F.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ecx & (1 << 14)) != 0;

    /// <summary>Rows of the micro-kernels of the set.</summary>
    public IReadOnlyList<int> Forms { get; }

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

    /// <summary>Rows of the kernel for a tile of so many.</summary>
    public static int RowsFor(int count) => count > 6 ? 8 : count > 4 ? 6 : count > 2 ? 4 : count;

    /// <summary>Entry points, by tile.</summary>
    public readonly struct Pointers(nint eight, nint six, nint four, nint two, nint one)
    {
        /// <summary>Runs the kernel for a tile of <see cref="RowsFor"/> rows. Without a way back into managed code: it needs no transition.</summary>
        public void Run(BitArguments* t, int rows)
        {
            var start = rows switch { 8 => eight, 6 => six, 4 => four, 2 => two, _ => one };
            ((delegate* unmanaged[SuppressGCTransition]<BitArguments*, void>)start)(t);
        }
    }
}
