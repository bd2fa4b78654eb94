using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Emit;

/// <summary>Compares emitted kernels with plain loops on full-range numbers before anything relies on them.</summary>
internal static unsafe class ByteTileCheck
{
    private const int MaxRows = TileLoop.MaxTileRows;

    /// <summary>Window stretches, their elements.</summary>
    private static readonly (int Taps, int Depth)[] Sizes = [(1, 1), (1, 2), (1, 17), (3, 1), (2, 5), (9, 16)];

    /// <summary>The first kernel that is wrong, or null.</summary>
    public static ByteTileForm? FirstWrong(ByteTiles tiles)
    {
        foreach (var form in tiles.Forms)
        {
            foreach (var (taps, depth) in Sizes)
            {
                foreach (var extreme in (bool[])[false, true])
                {
                    var isRight = form.Requantizes ? StripCheck.IsRight(tiles.Kernels, form, taps, depth, extreme) : IsRight(tiles.Kernels, form, taps, depth, extreme);
                    if (!isRight) return form;
                }
            }
        }
        return null;
    }

    private static bool IsRight(ByteTiles.Pointers kernels, ByteTileForm form, int taps, int depth, bool extreme)
    {
        var width = form.Registers == VectorForm.Zmm ? 32 : 16;
        var rng = new Rng(17);
        var rows = new byte[form.Rows * taps * depth * 4];
        var panel = new sbyte[taps * depth * width * 4];
        var (bias, sums) = (new int[width], new int[form.Rows * width]);
        for (var i = 0; i < rows.Length; i++) rows[i] = extreme ? byte.MaxValue : (byte)rng.Next(256);
        for (var i = 0; i < panel.Length; i++) panel[i] = extreme ? sbyte.MinValue : (sbyte)(rng.Next(256) - 128);
        for (var i = 0; i < width; i++) bias[i] = (rng.Next(1 << 16) << 15) - (1 << 30);
        fixed (byte* x = rows)
        fixed (sbyte* w = panel)
        fixed (int* b = bias, y = sums)
        {
            var inputs = stackalloc float*[taps * form.Rows];
            var outputs = stackalloc float*[MaxRows];
            for (var i = 0; i < taps * form.Rows; i++) inputs[i] = (float*)(x + (i * depth * 4));
            for (var i = 0; i < form.Rows; i++) outputs[i] = (float*)(y + (i * width));
            var t = new TileArguments { Inputs = inputs, Taps = taps, Depth = depth, Panel = (float*)w, Bias = (float*)b, Outputs = outputs };
            kernels.Run(&t, form.Rows, form.Columns == 1, isPair: false);
        }
        for (var i = 0; i < form.Rows; i++)
        {
            for (var j = 0; j < width / 2 * form.Columns; j++)
            {
                var sum = bias[j];
                for (var k = 0; k < taps * depth * 4; k++)
                {
                    var (tap, byteOfTap) = Math.DivRem(k, depth * 4);
                    sum += rows[(((tap * form.Rows) + i) * depth * 4) + byteOfTap] * panel[(((k / 4 * width) + j) * 4) + (k % 4)];
                }
                if (sums[(i * width) + j] != sum) return false;
            }
        }
        return true;
    }
}
