using System.Security.Cryptography;
using System.Text;
using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>
/// The whole state of a training between two steps. File: "NABICKP1", the payload, SHA-256 of both. The payload holds the identity of
/// the training, place, sums of the epoch under way, chance, history, then the tensors by name.
/// </summary>
internal sealed class Checkpoint
{
    private const int EpochBytes = sizeof(int) + 6 * sizeof(double);

    private static ReadOnlySpan<byte> Magic => "NABICKP1"u8;

    /// <summary>Hash of everything that must be equal to go on.</summary>
    public required byte[] Identity { get; init; }

    public required int Epoch { get; init; }

    public required int Step { get; init; }

    public required double LossSum { get; init; }

    public required long Correct { get; init; }

    public required ulong[] Chance { get; init; }

    public required IReadOnlyList<EpochRecord> History { get; init; }

    public required IReadOnlyDictionary<string, Tensor> Tensors { get; init; }

    /// <summary>The identity of a training: model, data, options, masks.</summary>
    public static byte[] IdentityOf(TrainingStep step, DataSet data, TrainingOptions options, IReadOnlyList<Graph> teachers)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{options}\n{data}\n{step.Graph}\n{string.Join('\n', teachers)}"));
        var updated = step.Graph.Updates.Select(u => u.Parameter).ToHashSet();
        foreach (var parameter in step.Graph.Parameters.Where(p => !updated.Contains(p)).Concat(teachers.SelectMany(t => t.Parameters))) hash.AppendData(parameter.Data!.Bytes);
        for (var i = 0; i < data.Count; i += Math.Max(1, data.Count / 100)) hash.AppendData(BitConverter.GetBytes(data.Label(i)));
        return hash.GetHashAndReset();
    }

    /// <summary>Writes a file whole.</summary>
    /// <exception cref="NabiException">The file cannot be written; an earlier one stays as it was.</exception>
    public void Write(string path)
    {
        var payload = Payload();
        AtomicFile.Write(path, file =>
        {
            file.Write(payload);
            file.Write(SHA256.HashData(payload));
        });
    }

    /// <summary>Reads a file whole.</summary>
    /// <exception cref="NabiException">The file is damaged.</exception>
    public static Checkpoint Read(string path)
    {
        var bytes = DataFile.ReadAll(path);
        var body = bytes.Length > 40 ? bytes.AsSpan(0, bytes.Length - 32) : [];
        if (!body.StartsWith(Magic) || !SHA256.HashData(body).AsSpan().SequenceEqual(bytes.AsSpan(bytes.Length - 32)))
            throw new NabiException($"The checkpoint '{path}' is damaged; delete it to start again.");
        using var reader = new BinaryReader(new MemoryStream(bytes, Magic.Length, body.Length - Magic.Length), Encoding.UTF8);
        try
        {
            return Read(reader);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException or OverflowException or NabiException or FormatException)
        {
            throw new NabiException($"The checkpoint '{path}' holds no training state; delete it to start again.", e);
        }
    }

    private static Checkpoint Read(BinaryReader reader) => new()
    {
        Identity = reader.ReadBytes(32),
        Epoch = reader.ReadInt32(),
        Step = reader.ReadInt32(),
        LossSum = reader.ReadDouble(),
        Correct = reader.ReadInt64(),
        Chance = [reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt64()],
        History = ReadHistory(reader),
        Tensors = ReadTensors(reader),
    };

    private byte[] Payload()
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory, Encoding.UTF8);
        writer.Write(Magic);
        writer.Write(Identity);
        writer.Write(Epoch);
        writer.Write(Step);
        writer.Write(LossSum);
        writer.Write(Correct);
        foreach (var number in Chance) writer.Write(number);
        writer.Write(History.Count);
        foreach (var e in History)
        {
            writer.Write(e.Epoch);
            foreach (var number in new[] { e.LearningRate, e.Loss, e.Accuracy, e.ValidationLoss ?? double.NaN, e.ValidationAccuracy ?? double.NaN, e.Seconds }) writer.Write(number);
        }
        writer.Write(Tensors.Count);
        foreach (var (name, tensor) in Tensors)
        {
            writer.Write(name);
            writer.Write((int)tensor.DType);
            writer.Write(tensor.Shape.Rank);
            foreach (var dim in tensor.Shape.Dims) writer.Write(dim);
            writer.Write(tensor.Bytes);
        }
        writer.Flush();
        return memory.ToArray();
    }

    private static EpochRecord[] ReadHistory(BinaryReader reader)
    {
        var history = new EpochRecord[Count(reader, EpochBytes)];
        for (var i = 0; i < history.Length; i++)
        {
            var epoch = reader.ReadInt32();
            var numbers = new double[6];
            for (var j = 0; j < numbers.Length; j++) numbers[j] = reader.ReadDouble();
            history[i] = new EpochRecord(epoch, numbers[0], numbers[1], numbers[2], Known(numbers[3]), Known(numbers[4]), numbers[5]);
        }
        return history;
    }

    private static Dictionary<string, Tensor> ReadTensors(BinaryReader reader)
    {
        var count = Count(reader, 1);
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var name = reader.ReadString();
            var dtype = (DType)reader.ReadInt32();
            if (!Enum.IsDefined(dtype)) throw new InvalidDataException($"Tensor '{name}' has no known type.");
            var dims = new int[Count(reader, sizeof(int))];
            for (var d = 0; d < dims.Length; d++) dims[d] = reader.ReadInt32();
            var shape = Shape.Create(dims);
            if (dtype.Bytes(shape.Count) > Left(reader)) throw new EndOfStreamException();
            var tensor = Tensor.Empty(dtype, shape);
            reader.BaseStream.ReadExactly(tensor.Bytes);
            tensors[name] = tensor;
        }
        return tensors;
    }

    private static long Left(BinaryReader reader) => reader.BaseStream.Length - reader.BaseStream.Position;

    /// <summary>A number of things of at least so many bytes each, which must still follow.</summary>
    private static int Count(BinaryReader reader, int bytesEach)
    {
        var count = reader.ReadInt32();
        return count >= 0 && (long)count * bytesEach <= Left(reader) ? count : throw new EndOfStreamException();
    }

    private static double? Known(double number) => double.IsNaN(number) ? null : number;
}
