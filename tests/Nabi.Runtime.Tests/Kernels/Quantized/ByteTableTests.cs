using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels.Quantized;

public sealed unsafe class ByteTableTests : IDisposable
{
    private readonly WorkPool pool = new(2);

    public void Dispose() => pool.Dispose();

    [Fact]
    public void LooksEveryByteUp()
    {
        using var table = new GuardedBuffer<byte>(ByteTable.Size);
        for (var i = 0; i < ByteTable.Size; i++) table[i] = (byte)((i * 113) + 57);
        foreach (var count in (int[])[.. Enumerable.Range(0, 132), 1000, 70_001])
        {
            using var x = new GuardedBuffer<byte>(count);
            using var y = new GuardedBuffer<byte>(count);
            for (var i = 0; i < count; i++) x[i] = (byte)((i * 7) + count);
            var expected = new byte[count];
            for (var i = 0; i < count; i++) expected[i] = table[x[i]];
            ByteTable.Apply(pool, count, x.Pointer, table.Pointer, y.Pointer);
            Assert.True(y.Span.SequenceEqual(expected), $"{count}");
            ByteTable.Apply(pool, count, x.Pointer, table.Pointer, x.Pointer);
            Assert.True(x.Span.SequenceEqual(expected), $"{count} in place");
        }
    }

    [Theory]
    [InlineData(true, -128, 127)]
    [InlineData(false, 3, 200)]
    public void GatesAreRoundedOnce(bool isSigned, int low, int high)
    {
        foreach (var channels in (int[])[1, 5, 8, 16, 19, 33, 70])
        {
            var kernel = new QuantizedGate
            {
                Batch = 2, Pixels = 37, Channels = channels, Input = new(0.03f, 20, isSigned), Gate = new(1 / 255f, isSigned ? -128 : 0, isSigned), Output = new(0.025f, 11, isSigned),
                Low = low, High = high,
            };
            using var x = Bytes(2L * 37 * channels, 1);
            using var gates = Bytes(2L * channels, 2);
            using var y = new GuardedBuffer<byte>(x.Length);
            kernel.Run(pool, x.Pointer, gates.Pointer, y.Pointer);
            for (var i = 0; i < x.Length; i++)
            {
                var gate = gates.Pointer + (i / (37 * channels) * channels) + (i % channels);
                var product = (QuantizedFormat.Read(x.Pointer + i, isSigned) - 20) * (QuantizedFormat.Read(gate, isSigned) - kernel.Gate.ZeroPoint);
                Assert.Equal((byte)kernel.Rule.Apply(product, 11, low, high), y[i]);
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
