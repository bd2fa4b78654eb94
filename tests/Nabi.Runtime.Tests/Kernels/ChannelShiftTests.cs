using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class ChannelShiftTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public void Dispose() => pool.Dispose();

    // Runs of every length up to past two registers, alone and between others; 2 x 9 x 11 pixels are enough to be shared by two workers.
    [Fact]
    public void EveryChannelMovesByItsOwnOffset()
    {
        for (var channels = 1; channels <= (2 * Given.LongestTail) + 7; channels++)
        {
            var (vertical, horizontal) = (new int[channels], new int[channels]);
            for (var c = 0; c < channels; c++)
                (vertical[c], horizontal[c]) = (c < Given.LongestTail ? 1 : (c % 3) - 1, c < Given.LongestTail ? -2 : c % 13);
            Check(channels, vertical, horizontal);
        }
    }

    [Fact]
    public void OffsetsBeyondTheImageGiveZeros() => Check(3, [100, 0, -100], [0, -100, 100]);

    private void Check(int channels, int[] vertical, int[] horizontal)
    {
        var (batch, height, width) = (2, 9, 11);
        using var x = Given.Floats((long)batch * height * width * channels, 1);
        using var y = Given.Floats(x.Length, 2);
        new ChannelShift(vertical, horizontal).Move(pool, batch, height, width, x.Pointer, y.Pointer);
        for (var i = 0; i < y.Length; i++)
        {
            var (pixel, c) = Math.DivRem(i, channels);
            var (n, row, column) = (pixel / width / height, (pixel / width % height) + vertical[c], (pixel % width) + horizontal[c]);
            var isInside = row >= 0 && row < height && column >= 0 && column < width;
            Assert.Equal(isInside ? x[((((n * height) + row) * width) + column) * channels + c] : 0, y[i]);
        }
    }
}
