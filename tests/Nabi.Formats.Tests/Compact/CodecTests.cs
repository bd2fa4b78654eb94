using System.Text;

namespace Nabi.Formats.Tests;

public sealed class CodecTests
{
    // Vectors of the XXH64 specification's reference implementation, seed 0.
    [Theory]
    [InlineData("", 0xEF46DB3751D8E999)]
    [InlineData("a", 0xD24EC4F1A98C6E5B)]
    [InlineData("abc", 0x44BC2CF5AD770999)]
    [InlineData("Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1)]
    public void HashIsXxh64(string text, ulong hash) => Assert.Equal(hash, XxHash64.Of(Encoding.ASCII.GetBytes(text)));

    [Theory]
    [InlineData(0.02)]
    [InlineData(0.2)]
    [InlineData(0.6)]
    [InlineData(0.95)]
    public void EntropyCoderIsWithinTwoPercentOfTheShannonBound(double stop)
    {
        var rng = new Rng(7);
        var data = new byte[200_000];
        for (var i = 0; i < data.Length; i++)
        {
            var level = 0;
            while (rng.NextDouble() > stop && level < 255) level++;
            data[i] = (byte)level;
        }
        var writer = new ByteWriter();
        Rans.Encode(data, writer);
        var bound = Entropy(data) * data.Length / 8;
        Assert.InRange(writer.Written.Length, bound * 0.999, bound * 1.02 + 64);
        var back = new byte[data.Length];
        var reader = new ByteReader(writer.Written);
        Rans.Decode(ref reader, back);
        Assert.Equal(data, back);
    }

    [Fact]
    public void EveryTensorComesBackBitForBit()
    {
        var rng = new Rng(3);
        for (var round = 0; round < 300; round++)
        {
            var tensor = Random(rng, (DType)rng.Next(14), rng.Next(4), density: round % 5 * 0.25);
            var writer = new ByteWriter();
            TensorCodec.Write(tensor, writer);
            var reader = new ByteReader(writer.Written);
            var back = TensorCodec.Read(ref reader);
            Assert.Equal(0, reader.Remaining);
            Assert.Equal(tensor.Type, back.Type);
            Assert.True(tensor.Bytes.SequenceEqual(back.Bytes), tensor.Type.ToString());
        }
    }

    [Fact]
    public void PrunedAndQuantizedWeightsShrinkAsTheirEntropySays()
    {
        var rng = new Rng(11);
        var weights = Tensor.Zeros(DType.Int8, [64, 64, 3, 3]);
        foreach (ref var w in weights.Span<sbyte>())
            if (rng.NextDouble() < 0.1) w = (sbyte)Math.Clamp(rng.NextGaussian() * 20, -128, 127);
        var writer = new ByteWriter();
        TensorCodec.Write(weights, writer);
        Assert.InRange(writer.Written.Length, 0, Entropy(weights.Bytes) * weights.Count / 8 * 1.04);
    }

    [Fact]
    public void ATensorOfZerosTakesNothing()
    {
        var writer = new ByteWriter();
        TensorCodec.Write(Tensor.Zeros(DType.Float32, [512, 512]), writer);
        Assert.InRange(writer.Written.Length, 0, 1100);
        var reader = new ByteReader(writer.Written);
        Assert.Equal(-1, TensorCodec.Read(ref reader).Bytes.IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void ASmallPayloadCannotClaimAHugeTensor()
    {
        var writer = new ByteWriter();
        writer.Byte((byte)DType.Float32);
        writer.Count(2);
        writer.Count(1 << 15);
        writer.Count(1 << 15);
        writer.Byte(1);
        writer.Count(0);
        Assert.Throws<NabiException>(() =>
        {
            var reader = new ByteReader(writer.Written);
            return TensorCodec.Read(ref reader);
        });
    }

    internal static Tensor Random(Rng rng, DType dtype, int rank, double density)
    {
        var dims = new int[rank];
        for (var i = 0; i < rank; i++) dims[i] = rng.Next(12);
        var numbers = Tensor.Zeros(DType.Float32, rank == 0 ? Shape.Scalar : Shape.Create(dims));
        foreach (ref var n in numbers.Span<float>())
            if (rng.NextDouble() < density) n = (float)(rng.NextGaussian() * 3);
        return numbers.Cast(dtype);
    }

    private static double Entropy(ReadOnlySpan<byte> data)
    {
        var counts = new double[256];
        foreach (var b in data) counts[b]++;
        var bits = 0.0;
        foreach (var c in counts)
            if (c > 0) bits -= c / data.Length * Math.Log2(c / data.Length);
        return bits;
    }
}
