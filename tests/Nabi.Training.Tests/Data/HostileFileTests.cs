using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Nabi.Training.Data;
using Nabi.Training.Data.Images;

namespace Nabi.Training.Tests.Data;

/// <summary>Mutated files end in a data set or in one clear sentence: never in another exception, a hang, or much memory.</summary>
public class HostileFileTests
{
    private const int Mutations = 600;

    public static TheoryData<string> Formats => ["idx", "npy", "npz", "csv", "cifar", "container", "png", "palette png", "interlaced png", "jpeg", "color jpeg", "bmp", "gz", "checkpoint", "checkpoint of right checksum"];

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_mutated_file_never_crashes(string format)
    {
        using var folder = new TemporaryFolder();
        var (original, name, read) = Case(format);
        read(folder.Write(name, original));
        var rng = new Rng((ulong)format.Length * 1000 + format[0]);
        var refused = 0;
        for (var i = 0; i < Mutations; i++)
        {
            var path = folder.Write(name, Mutate(original, rng));
            try
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                read(path);
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200_000_000);
            }
            catch (NabiException e)
            {
                refused++;
                Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
            }
        }
        Assert.NotEqual(0, refused);
    }

    [Fact]
    public void Claims_of_great_size_are_refused_before_memory_is_taken()
    {
        var png = Pictures.Png(4, 4, 8, 0, new byte[16]);
        (png[16], png[20]) = (0x10, 0x10);
        Assert.Contains("more than a file of", Assert.Throws<NabiException>(() => RasterImage.Decode(png, "p")).Message);
        var jpeg = Pictures.Jpeg(8, 8, 1, 128);
        var frame = jpeg.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0]);
        (jpeg[frame + 5], jpeg[frame + 7]) = (0x70, 0x70);
        Assert.Contains("more than a file of", Assert.Throws<NabiException>(() => RasterImage.Decode(jpeg, "j")).Message);
        var npy = DataSetTests.Npy("<f4", "(2147483647,)", new byte[8]);
        Assert.Contains("but 8 follow", Assert.Throws<NabiException>(() => NumpyReader.Parse(npy, "n")).Message);
    }

    private static (byte[] Bytes, string Name, Action<string> Read) Case(string format) => format switch
    {
        "idx" => ([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6], "i", p => IdxReader.Parse(File.ReadAllBytes(p), p)),
        "npy" => (DataSetTests.Npy("<i2", "(2, 3)", new byte[12]), "a.npy", p => NumpyReader.Parse(File.ReadAllBytes(p), p)),
        "npz" => (Npz(), "a.npz", p => DataSets.Find(p)),
        "csv" => (Encoding.UTF8.GetBytes("a,b,kind\n1,2,cat\n3,4,dog\n5,6,cat\n7,1,dog\n2,2,cat\n"), "a.csv", p => DataSets.Find(p)),
        "cifar" => (new byte[3073 * 3], "c.bin", p => CifarReader.Read("c", p)),
        "container" => (Container(), "c.cjp", p => DataSets.Find(p)),
        "png" => (Pictures.Png(9, 9, 8, 2, new byte[243]), "p.png", Decode),
        "palette png" => (Pictures.Png(9, 9, 4, 3, new byte[45], new byte[48]), "p.png", Decode),
        "interlaced png" => (Pictures.InterlacedPng(9, 9, new byte[81]), "p.png", Decode),
        "jpeg" => (Pictures.Jpeg(16, 8, 1, 200, 31), "j.jpg", Decode),
        "color jpeg" => (Pictures.Jpeg(13, 11, 3, 100, 90, 80, 70, 90, 150), "j.jpg", Decode),
        "bmp" => (Pictures.Bmp(5, 3, new byte[45]), "b.bmp", Decode),
        "gz" => (DataSetTests.Gzip([0, 0, 8, 1, 0, 0, 0, 2, 4, 1]), "l.gz", p => IdxReader.Parse(DataFile.ReadAll(p), p)),
        "checkpoint" => (CheckpointBytes(), "c.ckpt", p => Checkpoint.Read(p)),
        _ => (CheckpointBytes()[8..^32], "c.ckpt", ReadSealed),
    };

    private static void ReadSealed(string path)
    {
        byte[] body = [.. "NABICKP1"u8, .. File.ReadAllBytes(path)];
        File.WriteAllBytes(path, [.. body, .. SHA256.HashData(body)]);
        Checkpoint.Read(path);
    }

    private static void Decode(string path) => RasterImage.Decode(File.ReadAllBytes(path), path);

    private static byte[] Mutate(byte[] original, Rng rng)
    {
        var bytes = (byte[])original.Clone();
        for (var edits = 1 + rng.Next(4); edits > 0; edits--)
        {
            // Headers are where claims are made: half of the edits go there.
            var at = rng.Next(2) == 0 ? rng.Next(Math.Min(64, bytes.Length)) : rng.Next(bytes.Length);
            switch (rng.Next(5))
            {
                case 0: bytes[at] ^= (byte)(1 << rng.Next(8)); break;
                case 1: bytes[at] = (byte)rng.Next(256); break;
                case 2: bytes[at] = rng.Next(2) == 0 ? (byte)0xFF : (byte)0; break;
                case 3: bytes = bytes[..Math.Max(1, at)]; break;
                default: bytes = [.. bytes[..at], .. new byte[rng.Next(9)], .. bytes[at..]]; break;
            }
        }
        return bytes;
    }

    private static byte[] Npz()
    {
        using var memory = new MemoryStream();
        using (var archive = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in new[] { ("x.npy", DataSetTests.Npy("|u1", "(4, 2)", new byte[8])), ("y.npy", DataSetTests.Npy("|u1", "(4,)", [0, 1, 0, 1])) })
            {
                using var entry = archive.CreateEntry(name).Open();
                entry.Write(bytes);
            }
        }
        return memory.ToArray();
    }

    private static byte[] Container()
    {
        // 32 x 32 in colour: four units of six blocks.
        var jpeg = Pictures.Jpeg(32, 32, 3, [.. Enumerable.Range(0, 24).Select(i => 100 + i)]);
        var scan = jpeg.AsSpan().IndexOf([(byte)0xFF, (byte)0xDA]) + 2 + 12;
        var body = jpeg.AsSpan(scan, jpeg.Length - scan - 2).ToArray();
        byte[] record = [3, (byte)body.Length, 0, .. body];
        return [.. "CJP1"u8, 5, 0, 0, 0, 1, 0, 0, 0, 32, 0, 32, 0, (byte)scan, (byte)(scan >> 8), 0, 0, .. jpeg[..scan], .. record, .. record, .. record, .. record, .. record, .. record];
    }

    private static byte[] CheckpointBytes()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "c");
        new Checkpoint
        {
            Identity = new byte[32],
            Epoch = 1,
            Step = 2,
            LossSum = 3,
            Correct = 4,
            Chance = [1, 2, 3, 4],
            History = [new EpochRecord(1, 0.1, 1, 0.5, null, 0.4, 2)],
            Tensors = new Dictionary<string, Tensor> { ["w"] = Tensor.Vector(1f, 2f) },
        }.Write(path);
        return File.ReadAllBytes(path);
    }
}
