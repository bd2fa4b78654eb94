using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Compares emitted kernels that requantize with plain loops and with <see cref="Requantizer"/>.</summary>
internal static unsafe class StripCheck
{
    private const int Width = 32, Tiles = 3;

    /// <summary>Whether three tiles are right, the second of which has sums of all sizes and lies next to halves here and there.</summary>
    public static bool IsRight(ByteTiles.Pointers kernels, ByteTileForm form, int taps, int depth, bool extreme)
    {
        var rng = new Rng(19);
        var rows = new byte[Tiles * form.Rows * taps * depth * 4];
        var panel = new sbyte[taps * depth * Width * 4];
        var (bias, multipliers, rules) = (new int[Width], new float[Width], new Requantizer[Width]);
        for (var i = 0; i < rows.Length; i++) rows[i] = extreme ? byte.MaxValue : (byte)rng.Next(256);
        for (var i = 0; i < panel.Length; i++) panel[i] = extreme ? sbyte.MinValue : (sbyte)(rng.Next(256) - 128);
        for (var i = 0; i < Width; i++)
        {
            bias[i] = (rng.Next(1 << 16) - (1 << 15)) << (i % 17);
            rules[i] = Requantizer.Of(Math.ScaleB(1 + (rng.Next(1 << 20) / (double)(1 << 20)), -6 - (i % 17)));
            multipliers[i] = (float)Math.ScaleB(rules[i].Significand, -rules[i].Shift);
        }
        return Run(kernels, form, new Case(rows, panel, bias, multipliers, rules, taps, depth, extreme));
    }

    private static bool Run(ByteTiles.Pointers kernels, ByteTileForm form, Case x)
    {
        const byte Untouched = 0xa5;
        var columns = (form.Columns * 16) - (x.IsSigned ? 0 : 3);
        var range = x.IsSigned ? new QuantizedRange(-7, -90, 127) : new QuantizedRange(40, 40, 250);
        var (result, sums) = (new byte[Tiles * form.Rows * Width], new int[form.Rows * Width]);
        Array.Fill(result, Untouched);
        fixed (byte* rows = x.Rows, y = result)
        fixed (sbyte* w = x.Panel)
        fixed (int* bias = x.Bias, s = sums)
        fixed (float* multipliers = x.Multipliers)
        {
            var inputs = stackalloc float*[Tiles * x.Taps * form.Rows];
            for (var i = 0; i < Tiles * x.Taps * form.Rows; i++) inputs[i] = (float*)(rows + (i * x.Depth * 4));
            var t = new StripArguments
            {
                Inputs = inputs, Taps = x.Taps, Depth = x.Depth, Panel = (float*)w, Bias = bias, Multipliers = multipliers, Output = y, Stride = Width, Tiles = Tiles,
                Sums = s, Columns = (1UL << columns) - 1, InputFlip = StoredFloat.FlipOf(x.IsSigned),
                Next = (byte*)w, NextStep = form.AsksAhead ? Width : 0,
            };
            t.SetOutput(range, x.IsSigned);
            while (t.Tiles > 0)
            {
                var before = t.Tiles;
                kernels.Run(&t, form.Rows, form.Columns == 1);
                if (t.Tiles > before) return false;
                if (t.Tiles == 0) break;
                for (var i = 0; i < form.Rows; i++)
                    for (var j = 0; j < columns; j++)
                        t.Output[(i * Width) + j] = (byte)x.Rules[j].Apply(s[(i * Width) + j], range.ZeroPoint, range.Low, range.High);
                t.Output += form.Rows * Width;
                t.Inputs = inputs + ((Tiles - --t.Tiles) * x.Taps * form.Rows);
            }
        }
        for (var i = 0; i < Tiles * form.Rows; i++)
        {
            for (var j = 0; j < Width; j++)
            {
                var expected = j < columns ? (byte)x.Rules[j].Apply(x.Sum(i, j, form.Rows), range.ZeroPoint, range.Low, range.High) : Untouched;
                if (result[(i * Width) + j] != expected) return false;
            }
        }
        return true;
    }

    private sealed record Case(byte[] Rows, sbyte[] Panel, int[] Bias, float[] Multipliers, Requantizer[] Rules, int Taps, int Depth, bool IsSigned)
    {
        public int Sum(int row, int column, int tileRows)
        {
            var sum = Bias[column];
            var (tile, inTile) = Math.DivRem(row, tileRows);
            for (var k = 0; k < Taps * Depth * 4; k++)
            {
                var (tap, at) = Math.DivRem(k, Depth * 4);
                var u = Rows[(((((tile * Taps) + tap) * tileRows) + inTile) * Depth * 4) + at];
                sum += (IsSigned ? u ^ 128 : u) * Panel[(((k / 4 * Width) + column) * 4) + (k % 4)];
            }
            return sum;
        }
    }
}
