using System.Buffers.Binary;
using System.Text;

namespace Nabi.Formats.Tests;

/// <summary>Damaged files load or fail with a sentence: no other exception, no hang, no memory beyond what the file can justify.</summary>
public sealed class FuzzTests
{
    private const long MaxBytesPerRead = 64 << 20;

    [Fact]
    public void DamagedOnnxFilesFailWithASentence()
    {
        var rng = new Rng(42);
        foreach (var seed in OnnxSeeds())
            for (var i = 0; i < 1000; i++)
                Read(Mutated(seed, rng), bytes => OnnxFile.Read(new MemoryStream(bytes)));
    }

    [Fact]
    public void TruncatedFilesFailWithASentence()
    {
        var onnx = OnnxSeeds().First();
        var nabi = NabiFile.Write(RoundTripTests.Dense());
        for (var length = 0; length < onnx.Length; length++) Read(onnx[..length], bytes => OnnxFile.Read(new MemoryStream(bytes)));
        for (var length = 0; length < nabi.Length; length++)
        {
            var cut = nabi[..length];
            Assert.Throws<NabiException>(() => NabiFile.Read(cut));
        }
    }

    // The hash is made right again, so that what is behind it is tried.
    [Fact]
    public void DamagedNabiFilesFailWithASentence()
    {
        var rng = new Rng(43);
        var graphs = OnnxSeeds().Select(s => OnnxFile.Read(new MemoryStream(s))).Append(RoundTripTests.Shared()).ToArray();
        foreach (var seed in graphs.Select(g => NabiFile.Write(g)).Concat(graphs.Select(NabiFileTests.InOnePiece)))
        {
            for (var i = 0; i < 1000; i++)
            {
                var body = Mutated(seed[18..], rng);
                byte[] file = [.. seed[..18], .. body];
                BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(10), XxHash64.Of(body));
                Read(file, bytes => NabiFile.Read(bytes));
            }
        }
    }

    [Fact]
    public void DamagedTensorFlowLiteFilesFailWithASentence()
    {
        var rng = new Rng(44);
        foreach (var seed in TfLiteSeeds())
            for (var i = 0; i < 1000; i++)
                Read(Mutated(seed, rng), bytes => TfLiteFile.Read(new MemoryStream(bytes)));
    }

    // Offsets that lead anywhere, back to tables that contain them, or into each other; and counts that no file can hold.
    [Fact]
    public void TensorFlowLiteOffsetsAndCountsAreChecked()
    {
        foreach (var seed in TfLiteSeeds())
        {
            for (var at = 0; at + 4 <= seed.Length; at += 4)
            {
                foreach (var value in new[] { 0, 4, -1, -4, int.MaxValue, int.MinValue, 0x10000000, seed.Length, -at, 1 << 16 })
                {
                    var bytes = seed.ToArray();
                    BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);
                    Read(bytes, b => TfLiteFile.Read(new MemoryStream(b)));
                }
            }
        }
    }

    // Twenty thousand tensors that are all the same table with a long name: a gigabyte of names in a file of 140 KB.
    [Fact]
    public void TensorFlowLiteFilesThatRepeatThemselvesAreRefused()
    {
        const int mark = 0x5AA5C33C;
        var name = new string('n', 60_000);
        var file = new FlatTableWriter().Number(0, 3)
            .Tables(2, [new FlatTableWriter().Numbers(0, Enumerable.Repeat(mark, 20_000).ToArray())])
            .Tables(6, [new FlatTableWriter().Text(3, name)]).ToFile("TFL3"u8);
        var table = file.AsSpan().IndexOf(Encoding.UTF8.GetBytes(name)) - 12;
        var first = file.AsSpan().IndexOf(BitConverter.GetBytes(mark));
        for (var i = 0; i < 20_000; i++) BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(first + (4 * i)), table - first - (4 * i));
        var error = Assert.Throws<NabiException>(() => TfLiteFile.Read(new MemoryStream(file)));
        Assert.Contains("over and over", error.Message, StringComparison.Ordinal);
        Read(file, bytes => TfLiteFile.Read(new MemoryStream(bytes)));
    }

    [Fact]
    public void TruncatedTensorFlowLiteFilesFailWithASentence()
    {
        foreach (var seed in TfLiteSeeds())
            for (var length = 0; length < seed.Length; length++)
                Read(seed[..length], bytes => TfLiteFile.Read(new MemoryStream(bytes)));
    }

    private static void Read(byte[] bytes, Func<byte[], Graph> read)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            _ = read(bytes).ToString();
        }
        catch (NabiException e)
        {
            Assert.NotEmpty(e.Message);
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MaxBytesPerRead);
    }

    private static byte[] Mutated(byte[] seed, Rng rng)
    {
        var bytes = seed.ToArray();
        for (var count = 1 + rng.Next(4); count > 0 && bytes.Length > 0; count--)
        {
            var at = rng.Next(bytes.Length);
            switch (rng.Next(5))
            {
                case 0: bytes[at] ^= (byte)(1 << rng.Next(8)); break;
                case 1: bytes[at] = (byte)rng.Next(256); break;
                case 2: bytes = [.. bytes[..at], (byte)rng.Next(256), .. bytes[at..]]; break;
                case 3: bytes = [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + 1 + rng.Next(8))..]]; break;
                default: bytes = [.. bytes[..at], 0xFF, 0xFF, 0xFF, 0xFF, 0x07, .. bytes[Math.Min(bytes.Length, at + 5)..]]; break;
            }
        }
        return bytes;
    }

    // Small models with most of what the reader handles: typed and raw tensors, attributes of every kind, shape arithmetic, old forms.
    private static IEnumerable<byte[]> OnnxSeeds()
    {
        using var dense = new MemoryStream();
        OnnxFile.Write(RoundTripTests.Dense(), dense);
        yield return dense.ToArray();
        foreach (var seed in OnnxModels.Small()) yield return seed;
    }

    private static IEnumerable<byte[]> TfLiteSeeds()
    {
        yield return TfLiteModels.Quantized();
        yield return TfLiteModels.Floats();
        yield return TfLiteModels.Hybrid();
    }
}
