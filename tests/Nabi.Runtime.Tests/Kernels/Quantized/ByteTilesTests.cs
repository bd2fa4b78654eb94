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
            if (!ByteTileForm.CanRequantize(registers)) continue;
            using var requantizing = new ByteTiles(registers, requantizes: true);
            Assert.Null(ByteTileCheck.FirstWrong(requantizing));
        }
    }

    // One row and one column of weight 1, so that the bias is all: sums next to, on and far from halves, of both signs.
    [Theory]
    [InlineData(1.0 / 128, true)]
    [InlineData(1.0 / 128, false)]
    [InlineData(0.0030000001, true)]
    [InlineData(0.3712345, false)]
    [InlineData(7.25, true)]
    [InlineData(1e-6, true)]
    public void StripsRoundAsTheRuleSays(double multiplier, bool isSigned)
    {
        if (!ByteTileForm.CanRequantize(VectorForm.Zmm)) return;
        using var tiles = new ByteTiles(VectorForm.Zmm, requantizes: true);
        var rule = Requantizer.Of(multiplier);
        var range = new QuantizedRange(isSigned ? 3 : 128, isSigned ? -128 : 0, isSigned ? 127 : 255);
        using var bias = new GuardedBuffer<int>(32);
        using var multipliers = new GuardedBuffer<float>(32);
        using var panel = new GuardedBuffer<int>(32);
        using var row = new GuardedBuffer<int>(1);
        using var output = new GuardedBuffer<byte>(32);
        using var sums = new GuardedBuffer<int>(32);
        panel.Span.Clear();
        multipliers.Span.Fill((float)Math.ScaleB(rule.Significand, -rule.Shift));
        var input = (float*)row.Pointer;
        var near = new List<int> { int.MinValue, int.MinValue + 1, int.MaxValue, 0, 1, -1 };
        for (var k = -300; k <= 300; k++)
            for (var d = -2; d <= 2; d++) near.Add((int)Math.Clamp(Math.Round((k + 0.5) / multiplier) + d, int.MinValue, int.MaxValue));
        for (var i = 0; i < near.Count; i += 32)
        {
            for (var j = 0; j < 32; j++) bias[j] = near[Math.Min(i + j, near.Count - 1)];
            var t = new StripArguments
            {
                Inputs = &input, Taps = 1, Depth = 1, Panel = (float*)panel.Pointer, Bias = bias.Pointer, Multipliers = multipliers.Pointer, Output = output.Pointer,
                Stride = 32, Tiles = 1, Sums = sums.Pointer, Columns = uint.MaxValue,
            };
            t.SetOutput(range, isSigned);
            tiles.Kernels.Run(&t, rows: 1, isNarrow: false);
            for (var j = 0; j < 32; j++)
            {
                if (t.Tiles == 0) Assert.Equal((byte)rule.Apply(bias[j], range.ZeroPoint, range.Low, range.High), output[j]);
                else Assert.Equal(bias[j], sums[j]);
            }
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
    public void StripsReadAndWriteNothingOutsideTheirBuffers()
    {
        if (!ByteTileForm.CanRequantize(VectorForm.Zmm)) return;
        using var tiles = new ByteTiles(VectorForm.Zmm, requantizes: true);
        foreach (var form in tiles.Forms)
        {
            foreach (var columns in (int[])[1, 7, 15, 16, (16 * form.Columns) - 1, 16 * form.Columns])
            {
                foreach (var atStart in (bool[])[false, true]) RunStripGuarded(tiles, form, columns, depth: 3, atStart);
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

    // Two tiles; rows of the output follow each other without a gap.
    private static void RunStripGuarded(ByteTiles tiles, ByteTileForm form, int columns, int depth, bool atStart)
    {
        const int Tiles = 2, Width = 32;
        var lanes = form.Columns * 16;
        using var panel = new GuardedBuffer<int>((depth * Width) - (Width - lanes), atStart);
        using var bias = new GuardedBuffer<int>(lanes, atStart);
        using var multipliers = new GuardedBuffer<float>(lanes, atStart);
        using var output = new GuardedBuffer<byte>(Tiles * form.Rows * columns, atStart);
        var rows = new GuardedBuffer<int>[form.Rows * Tiles];
        var inputs = stackalloc float*[rows.Length];
        for (var i = 0; i < rows.Length; i++) inputs[i] = (float*)(rows[i] = new GuardedBuffer<int>(depth, atStart)).Pointer;
        foreach (var row in rows) row.Span.Fill(0x02020202);
        panel.Span.Fill(0x01ff01ff);   // -1, 1, -1, 1
        bias.Span.Fill(50);
        multipliers.Span.Fill(0.52f);
        var t = new StripArguments
        {
            Inputs = inputs, Taps = 1, Depth = depth, Panel = (float*)panel.Pointer, Bias = bias.Pointer, Multipliers = multipliers.Pointer, Output = output.Pointer,
            Stride = columns, Tiles = Tiles, Columns = (1UL << columns) - 1,
            Next = (byte*)(panel.Pointer + panel.Length), NextStep = form.AsksAhead ? 64 : 0,   // behind its end nothing is readable
        };
        t.SetOutput(new QuantizedRange(3, -128, 127), isSigned: true);
        tiles.Kernels.Run(&t, form.Rows, form.Columns == 1);
        Assert.Equal(0, t.Tiles);
        Assert.All(output.Span.ToArray(), b => Assert.Equal(29, b));
        foreach (var row in rows) row.Dispose();
    }
}
