using System.Runtime.Intrinsics.X86;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>The vector registers of an emitted kernel and how its dot products are encoded.</summary>
internal enum VectorForm
{
    /// <summary>512 bits, AVX512-VNNI.</summary>
    Zmm,

    /// <summary>256 bits, AVX512-VNNI with AVX512-VL.</summary>
    YmmEvex,

    /// <summary>256 bits, AVX-VNNI.</summary>
    YmmVex,
}

/// <summary>One micro-kernel: <paramref name="Rows"/> times <paramref name="Columns"/> registers of sums, stored as they are or as requantized bytes.
/// One that <paramref name="AsksAhead"/> also asks for memory that is needed next.</summary>
internal readonly record struct ByteTileForm(VectorForm Registers, int Rows, int Columns, bool Requantizes = false, bool AsksAhead = false)
{
    /// <summary>Whether kernels may requantize: 256-bit ones have no registers left for the constants.</summary>
    public static bool CanRequantize(VectorForm registers) => registers == VectorForm.Zmm && Avx512Vbmi.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported;

    /// <summary>The forms a set of tiles consists of: 8 rows, 8 rows of one register, 4 rows, 1 row, and 8 rows that ask ahead if they requantize;
    /// 256-bit tiles have 4 rows at most.</summary>
    public static ByteTileForm[] SetOf(VectorForm registers, bool requantizes)
    {
        if (registers != VectorForm.Zmm) return [new(registers, 4, 2), new(registers, 1, 2)];
        ByteTileForm[] all = [new(registers, 8, 2, requantizes), new(registers, 8, 1, requantizes), new(registers, 4, 2, requantizes), new(registers, 1, 2, requantizes)];
        return requantizes ? [.. all, all[0] with { AsksAhead = true }] : all;
    }

    /// <summary>The name of the instructions.</summary>
    public static string NameOf(VectorForm registers) => registers == VectorForm.YmmVex ? "avx-vnni" : "avx512-vnni";

    /// <summary>Whether this processor and its system run the form.</summary>
    public static bool IsSupported(VectorForm registers)
    {
        if (!X86Base.X64.IsSupported || !Avx2.IsSupported || X86Base.CpuId(0, 0).Eax < 7) return false;
        var (subleaves, _, features, _) = X86Base.CpuId(7, 0);
        var avx512 = (features & (1 << 11)) != 0;
        return registers switch
        {
            VectorForm.Zmm => avx512 && Avx512F.IsSupported,
            VectorForm.YmmEvex => avx512 && Avx512F.VL.IsSupported,
            _ => subleaves >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 4)) != 0,
        };
    }

    /// <summary>The form whose panels are as wide as those of <see cref="TileLoop"/>, or null.</summary>
    public static VectorForm? OfThisProcess() => Simd.Lanes switch
    {
        16 when IsSupported(VectorForm.Zmm) => VectorForm.Zmm,
        8 when IsSupported(VectorForm.YmmVex) => VectorForm.YmmVex,
        8 when IsSupported(VectorForm.YmmEvex) => VectorForm.YmmEvex,
        _ => null,
    };
}
