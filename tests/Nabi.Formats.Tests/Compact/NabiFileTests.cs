using System.Buffers.Binary;
using Nabi.Ops;

namespace Nabi.Formats.Tests;

public sealed class NabiFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("nabi-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void GraphsSurvive()
    {
        var graph = RoundTripTests.Dense();
        var back = NabiFile.Read(NabiFile.Write(graph));
        Assert.Equal(graph.ToString(), back.ToString());
        Assert.Equal(graph.Metadata, back.Metadata);
        Assert.Equal(graph.Nodes.Select(n => n.Op), back.Nodes.Select(n => n.Op));
    }

    [Fact]
    public void FilesOfVersionOneAreRead()
    {
        var graph = RoundTripTests.Dense();
        var back = NabiFile.Read(InOnePiece(graph));
        Assert.Equal(graph.ToString(), back.ToString());
        Assert.Equal(graph.Metadata, back.Metadata);
    }

    [Fact]
    public void SharedWeightsTakeTheirIndicesAndLittleElse()
    {
        var graph = RoundTripTests.Shared();
        var bytes = NabiFile.Write(graph);
        // 64 x 128 indices of which an eighth is not zero, 15 centroids, a bias, names.
        Assert.InRange(bytes.Length, 0, (64 * 128 * 0.55 / 8) + (64 * 128 / 8 * 4.0 / 8) + 64 + 40 + 300);
        Assert.Equal(graph.ToString(), NabiFile.Read(bytes).ToString());
    }

    [Fact]
    public void VersionsYetToComeAreRefused()
    {
        var bytes = NabiFile.Write(RoundTripTests.Dense());
        bytes[8]++;
        Assert.Contains("update Nabi", Assert.Throws<NabiException>(() => NabiFile.Read(bytes)).Message, StringComparison.Ordinal);
    }

    /// <summary>A file of version 1: tensors within the structure, nothing deflated.</summary>
    internal static byte[] InOnePiece(Graph graph)
    {
        var body = new ByteWriter();
        CompactGraph.Write(graph, new NabiWriteOptions(), body, body);
        byte[] file = [.. NabiFile.Magic, 1, 0, .. new byte[sizeof(ulong)], .. body.Written];
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(10), XxHash64.Of(body.Written));
        return file;
    }

    [Theory]
    [InlineData("model.nabi")]
    [InlineData("model.onnx")]
    public void WeightsOfFourBitsTakeFourBits(string name)
    {
        const int size = 256;
        var b = new GraphBuilder("g");
        var numbers = Tensor.Zeros(DType.Int4, [size, size]);
        var rng = new Rng(1);
        foreach (ref var e in numbers.Bytes) e = (byte)rng.Next(256);
        var scale = b.Constant(Tensor.Full([size, size / 32], 0.1f), "scale");
        var weight = b.Apply(new DequantizeLinear { BlockSize = 32 }, b.Constant(numbers, "numbers"), scale);
        b.Output("y", b.Dense(b.Input("x", DType.Float32, [1, size]), weight));
        var path = Path.Combine(_folder, name);
        ModelFile.Write(b.Build(), path);
        Assert.InRange(new FileInfo(path).Length, size * size / 2, (size * size / 2) + (size * size / 32 * sizeof(float)) + 2000);
        var back = ModelFile.Read(path).Parameters.Single(p => p.DType == DType.Int4);
        Assert.True(numbers.Bytes.SequenceEqual(back.Data!.Bytes));
    }

    [Fact]
    public void TrainingStepsSurvive()
    {
        var b = new GraphBuilder("step");
        var x = b.Input("x", DType.Float32, [2]);
        var w = b.Parameter("w", Tensor.Vector(1f, 2));
        var frozen = b.Parameter("frozen", Tensor.Vector(1f, 2), trainable: false);
        b.Update(w, b.Sub(w, b.Mul(x, frozen)));
        var graph = b.Build();
        var back = NabiFile.Read(NabiFile.Write(graph));
        Assert.Equal(graph.ToString(), back.ToString());
        Assert.Throws<NabiException>(() => OnnxFile.Write(graph, Path.Combine(_folder, "step.onnx")));
    }

    [Fact]
    public void EveryOperatorSurvives()
    {
        foreach (var schema in OpCatalog.All)
        {
            var given = schema.Attributes.Where(a => a.Property.PropertyType == typeof(DType)).ToDictionary(a => a.Key, _ => (object)DType.Int8, StringComparer.Ordinal);
            Op op;
            try
            {
                op = schema.Create(given);
            }
            catch (NabiException)
            {
                continue; // It has required attributes of its own kind.
            }
            var writer = new ByteWriter();
            CompactOps.Write(op, writer);
            var reader = new ByteReader(writer.Written);
            Assert.Equal(op, CompactOps.Read(ref reader));
        }
    }

    [Fact]
    public void FilesAreFoundByTheirFirstBytes()
    {
        var path = Path.Combine(_folder, "model.bin");
        NabiFile.Write(RoundTripTests.Dense(), path);
        Assert.Equal("dense", ModelFile.Read(path).Name);
        ModelFile.Write(RoundTripTests.Dense(), Path.Combine(_folder, "model.onnx"));
        Assert.Equal("dense", ModelFile.Read(Path.Combine(_folder, "model.onnx")).Name);
        Assert.Contains("not written yet", Assert.Throws<NabiException>(() => ModelFile.Write(RoundTripTests.Dense(), "model.tflite")).Message, StringComparison.Ordinal);
        Assert.Contains("does not exist", Assert.Throws<NabiException>(() => NabiFile.Read(Path.Combine(_folder, "none.nabi"))).Message, StringComparison.Ordinal);
        Assert.Equal(["model.bin", "model.onnx"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void AChangedByteIsNoticed()
    {
        var bytes = NabiFile.Write(RoundTripTests.Dense());
        bytes[^5] ^= 1;
        Assert.Contains("hash", Assert.Throws<NabiException>(() => NabiFile.Read(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RoundingToBFloat16IsAskedForAndSmall()
    {
        var rng = new Rng(1);
        var weights = Tensor.Zeros(DType.Float32, [100, 100]);
        foreach (ref var w in weights.Span<float>()) w = (float)rng.NextGaussian();
        var b = new GraphBuilder("g");
        b.Output("y", b.Add(b.Parameter("w", weights), b.Input("x", DType.Float32, [100, 100])));
        var graph = b.Build();
        var rounded = NabiFile.Write(graph, new NabiWriteOptions { RoundToBFloat16 = true });
        Assert.InRange(rounded.Length, 0, NabiFile.Write(graph).Length / 2);
        Assert.Null(BackendCase.Difference(weights, NabiFile.Read(rounded).Parameter("w")!.Data!, relative: 1.0 / 256));
    }
}
