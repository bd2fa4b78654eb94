using System.Runtime.InteropServices;
using Nabi.Runtime.Emit;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels.Quantized;

/// <summary>Emitted micro-kernels against plain loops, and the pages they lie in.</summary>
public sealed unsafe class ByteTilesTests
{
    [Fact]
    public void EveryFormThisProcessorRunsIsRight()
    {
        foreach (var registers in Enum.GetValues<VectorForm>().Where(ByteTileForm.IsSupported))
        {
            using var tiles = new ByteTiles(registers);
            Assert.Null(ByteTileCheck.FirstWrong(tiles));
        }
    }

    [Fact]
    public void NothingIsReadOrWrittenOutsideItsBuffers()
    {
        foreach (var registers in Enum.GetValues<VectorForm>().Where(ByteTileForm.IsSupported))
        {
            using var tiles = new ByteTiles(registers);
            foreach (var form in tiles.Forms)
            {
                foreach (var atStart in (bool[])[false, true])
                    for (var depth = 1; depth <= 9; depth++) RunGuarded(tiles, form, taps: 2, depth, atStart);
            }
        }
    }

    [Fact]
    public void NoPageIsWritableAndExecutable()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64) return;
        using var code = new CodeMemory(new byte[] { 0xc3 });
        var address = (ulong)code.Start;
        var mine = File.ReadLines("/proc/self/maps").Select(Mapping).Single(m => m.Start <= address && address < m.End);
        Assert.Equal("r-xp", mine.Access);
        using var tiles = ByteTileForm.IsSupported(VectorForm.Zmm) ? new ByteTiles(VectorForm.Zmm) : null;
        Assert.DoesNotContain(File.ReadLines("/proc/self/maps").Select(Mapping), m => m.Access.Contains("wx", StringComparison.Ordinal));
    }

    [Fact]
    public void CodeIsGivenBack()
    {
        var code = new CodeMemory(new byte[] { 0xc3 });
        code.Dispose();
        Assert.True(code.IsClosed);
    }

    [Fact]
    public void TheSwitchKeepsManagedKernels()
    {
        if (Environment.GetEnvironmentVariable(ByteTiles.Switch) == "0")
            Assert.Null(ByteTiles.Current);
        else if (ByteTileForm.OfThisProcess() is { } registers)
            Assert.Equal(registers, ByteTiles.Current?.Registers);
        Assert.Null(ByteTiles.Fault);
    }

    private static (ulong Start, ulong End, string Access) Mapping(string line)
    {
        var words = line.Split(' ', '-');
        return (Convert.ToUInt64(words[0], 16), Convert.ToUInt64(words[1], 16), line.Split(' ')[1]);
    }

    private static void RunGuarded(ByteTiles tiles, ByteTileForm form, int taps, int depth, bool atStart)
    {
        var register = form.Registers == VectorForm.Zmm ? 16 : 8;
        // A tile of one register does not look at the second half of the panel's last line.
        var panelSize = (taps * depth * 2 * register) - ((2 - form.Columns) * register);
        using var panel = new GuardedBuffer<int>(panelSize, atStart);
        using var bias = new GuardedBuffer<int>(form.Columns * register, atStart);
        var rows = new GuardedBuffer<int>[form.Rows * taps];
        var sums = new GuardedBuffer<int>[form.Rows];
        var inputs = stackalloc float*[rows.Length];
        var outputs = stackalloc float*[sums.Length];
        for (var i = 0; i < rows.Length; i++) inputs[i] = (float*)(rows[i] = new GuardedBuffer<int>(depth, atStart)).Pointer;
        for (var i = 0; i < sums.Length; i++) outputs[i] = (float*)(sums[i] = new GuardedBuffer<int>(form.Columns * register, atStart)).Pointer;
        foreach (var row in rows) row.Span.Fill(0x02020202);
        panel.Span.Fill(0x01ff01ff);   // -1, 1, -1, 1
        bias.Span.Fill(5);
        var t = new TileArguments { Inputs = inputs, Taps = taps, Depth = depth, Panel = (float*)panel.Pointer, Bias = (float*)bias.Pointer, Outputs = outputs };
        tiles.Kernels.Run(&t, form.Rows, form.Columns == 1, isPair: false);
        foreach (var row in sums) Assert.All(row.Span.ToArray(), s => Assert.Equal(5, s));
        foreach (var buffer in rows.Concat(sums)) buffer.Dispose();
    }
}
