using System.Buffers.Binary;

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
}
