using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

public sealed unsafe class ChannelInterleaveTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public void Dispose() => pool.Dispose();

    [Fact]
    public void TakesChannelsInTurn()
    {
        for (var count = 0; count <= Given.LongestTail; count++)
        {
            foreach (var rows in (int[])[0, 1, 7, 600])
            {
                using var a = Given.Floats((long)rows * count, 1);
                using var wide = Given.Floats((long)rows * (count + 3), 2);
                using var target = new GuardedBuffer<float>(2L * rows * count);
                ChannelInterleave.Run(pool, rows, count, new(a.Pointer, count), new(wide.Pointer + 3, count + 3), target.Pointer);
                for (var i = 0; i < rows * count; i++)
                {
                    Assert.Equal(a[i], target[2 * i]);
                    Assert.Equal(wide[(i / count * (count + 3)) + 3 + (i % count)], target[(2 * i) + 1]);
                }
            }
        }
    }

    [Fact]
    public void TakesBytesInTurn()
    {
        for (var count = 0; count <= Given.LongestTail; count++)
        {
            foreach (var rows in (int[])[0, 1, 7, 900])
            {
                using var a = Bytes((long)rows * count, 1);
                using var wide = Bytes((long)rows * (count + 3), 2);
                using var target = new GuardedBuffer<byte>(2L * rows * count);
                ChannelInterleave.Run(pool, rows, count, new(a.Pointer, count), new(wide.Pointer + 3, count + 3), target.Pointer);
                for (var i = 0; i < rows * count; i++)
                {
                    Assert.Equal(a[i], target[2 * i]);
                    Assert.Equal(wide[(i / count * (count + 3)) + 3 + (i % count)], target[(2 * i) + 1]);
                }
            }
        }
    }

    private static GuardedBuffer<byte> Bytes(long length, int seed)
    {
        var buffer = new GuardedBuffer<byte>(length);
        using var signed = Given.Bytes(length, seed);
        for (var i = 0; i < length; i++) buffer[i] = (byte)signed[i];
        return buffer;
    }
}
