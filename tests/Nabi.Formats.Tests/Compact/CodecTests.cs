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

    [Theory]
    [InlineData(0.02)]
    [InlineData(0.08)]
    [InlineData(0.5)]
    public void PlacesOfPrunedWeightsCostTheirEntropy(double density)
    {
        var rng = new Rng(5);
        var mask = new byte[300 * 784];
        foreach (ref var m in mask.AsSpan()) m = rng.NextDouble() < density ? (byte)1 : (byte)0;
        Assert.InRange(Coded(mask, [300, 784], 2), 0, (Entropy(mask) * mask.Length / 8 * 1.04) + 64);
    }

    [Fact]
    public void PlacesCostLessWhereColumnsAreEmpty()
    {
        var rng = new Rng(6);
        var mask = new byte[300 * 784];
        for (var i = 0; i < mask.Length; i++) mask[i] = i % 784 % 3 == 0 && rng.NextDouble() < 0.24 ? (byte)1 : (byte)0;
        Assert.InRange(Coded(mask, [300, 784], 2), 0, Entropy(mask) * mask.Length / 8 * 0.75);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(16)]
    [InlineData(200)]
    [InlineData(256)]
    public void EveryCodingOfSymbolsBringsThemBack(int alphabet)
    {
        var rng = new Rng((ulong)alphabet);
        foreach (var count in (int[])[1, 2, 7, 64, 1000, 20_000])
        {
            var symbols = new byte[count];
            foreach (ref var s in symbols.AsSpan()) s = rng.NextDouble() < 0.5 ? (byte)0 : (byte)(Math.Abs(rng.NextGaussian()) * alphabet / 5 % alphabet);
            var back = new byte[count];
            var writer = new ByteWriter();
            Huffman.Encode(symbols, alphabet, writer);
            var reader = new ByteReader(writer.Written);
            Huffman.Decode(ref reader, alphabet, back);
            Assert.Equal(symbols, back);
            writer = new ByteWriter();
            ContextCoder.Encode(symbols, 37, alphabet, writer);
            reader = new ByteReader(writer.Written);
            ContextCoder.Decode(ref reader, 37, alphabet, back);
            Assert.Equal(symbols, back);
            Coded(symbols, [count], alphabet);
        }
    }

    [Fact]
    public void HuffmanIsWithinABitOfTheEntropyAndItsModelIsSmall()
    {
        var rng = new Rng(8);
        var symbols = new byte[400];
        foreach (ref var s in symbols.AsSpan()) s = (byte)Math.Clamp(8 + (rng.NextGaussian() * 2), 0, 15);
        var writer = new ByteWriter();
        Huffman.Encode(symbols, 16, writer);
        Assert.InRange(writer.Written.Length, Entropy(symbols) * symbols.Length / 8, (Entropy(symbols) * symbols.Length / 8 * 1.05) + 9);
        var range = new ByteWriter();
        Rans.Encode(symbols, range);
        Assert.True(writer.Written.Length < range.Written.Length);
    }

    [Fact]
    public void HuffmanCodesOfWildCountsStayShort()
    {
        // Fibonacci numbers make the longest codes there are.
        var symbols = new List<byte>();
        for (var (a, b, s) = (1, 1, 0); s < 24; (a, b, s) = (b, a + b, s + 1)) symbols.AddRange(Enumerable.Repeat((byte)s, a));
        Coded([.. symbols], [symbols.Count], 24);
        var (writer, back) = (new ByteWriter(), new byte[symbols.Count]);
        Huffman.Encode([.. symbols], 24, writer);
        var reader = new ByteReader(writer.Written);
        Huffman.Decode(ref reader, 24, back);
        Assert.Equal([.. symbols], back);
    }

    [Theory]
    [InlineData(2, 1.0)]
    [InlineData(4, 2.0)]
    [InlineData(16, 4.0)]
    public void FloatsOfFewValuesTakeTheBitsOfTheirIndices(int values, double bits)
    {
        var rng = new Rng(9);
        var palette = Enumerable.Range(0, values).Select(_ => (float)rng.NextGaussian()).ToArray();
        var weights = Tensor.Zeros(DType.Float32, [64, 100]);
        foreach (ref var w in weights.Span<float>()) w = palette[rng.Next(values)];
        var writer = new ByteWriter();
        TensorCodec.Write(weights, writer);
        Assert.InRange(writer.Written.Length, 0, (weights.Count * bits / 8) + (values * 4) + 24);
        var reader = new ByteReader(writer.Written);
        Assert.True(weights.Bytes.SequenceEqual(TensorCodec.Read(ref reader).Bytes));
    }

    [Fact]
    public void DamagedPayloadsOfEveryCodecFailWithASentence()
    {
        var rng = new Rng(10);
        for (var round = 0; round < 4000; round++)
        {
            var tensor = Random(rng, (DType)rng.Next(14), 1 + rng.Next(3), density: round % 5 * 0.25);
            var writer = new ByteWriter();
            TensorCodec.Write(tensor, writer);
            var header = 3 + tensor.Shape.Rank;
            var bytes = writer.Written.ToArray();
            // Another codec, or other bytes behind it.
            if (round % 4 == 0) bytes[header - 1] = (byte)rng.Next(TensorCodec.All.Length);
            for (var n = rng.Next(4); n >= 0; n--) bytes[header - 1 + rng.Next(bytes.Length - header + 1)] = (byte)rng.Next(256);
            try
            {
                var reader = new ByteReader(bytes);
                TensorCodec.Read(ref reader);
            }
            catch (NabiException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    // The bytes of symbols, which must come back.
    private static int Coded(byte[] symbols, Shape shape, int alphabet)
    {
        var (writer, back) = (new ByteWriter(), new byte[symbols.Length]);
        SymbolCodec.Encode(symbols, shape, alphabet, writer);
        var reader = new ByteReader(writer.Written);
        SymbolCodec.Decode(ref reader, shape, alphabet, back);
        Assert.Equal(symbols, back);
        return writer.Written.Length;
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
