using System.Globalization;
using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>Tensor data kept in files beside the model. Only files inside the model's folder are read.</summary>
internal sealed class ExternalData(string folder)
{
    /// <summary>Reads a tensor whose data is outside.</summary>
    public Tensor Read(TensorProto proto, DType dtype, Shape shape, long bytes)
    {
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in proto.ExternalData) entries[entry.Key] = entry.Value;
        var path = Resolve(proto.Name, entries.GetValueOrDefault("location", ""));
        var offset = Number(proto.Name, entries, "offset", 0);
        var length = Number(proto.Name, entries, "length", bytes);
        var file = Path.GetFileName(path);
        if (length != bytes) throw new NabiException($"tensor '{proto.Name}' is {dtype}{shape}, which takes {bytes} bytes, but {length} are declared in '{file}'");
        using var stream = File.OpenRead(path);
        if (offset > stream.Length - bytes)
            throw new NabiException($"tensor '{proto.Name}' needs bytes {offset} to {offset + bytes} of '{file}', which has {stream.Length}; the file is incomplete");
        var tensor = Tensor.Empty(dtype, shape);
        stream.Position = offset;
        stream.ReadExactly(tensor.Bytes);
        return tensor;
    }

    private string Resolve(string tensor, string location)
    {
        var root = Path.GetFullPath(folder.Length == 0 ? "." : folder);
        var isRelative = location.Length > 0 && !location.Contains('\0', StringComparison.Ordinal) && !Path.IsPathRooted(location);
        var full = isRelative ? Path.GetFullPath(Path.Combine(root, location)) : "";
        if (!full.StartsWith(root.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new NabiException($"tensor '{tensor}' keeps its data in '{location}', which is outside the model's folder and is not read");
        var info = new FileInfo(full);
        if (!info.Exists) throw new NabiException($"tensor '{tensor}' keeps its data in '{location}', which is missing; put it beside the model");
        if (info.LinkTarget is not null) throw new NabiException($"tensor '{tensor}' keeps its data in '{location}', which is a link and is not followed");
        return full;
    }

    private static long Number(string tensor, Dictionary<string, string> entries, string key, long absent)
    {
        if (!entries.TryGetValue(key, out var text)) return absent;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new NabiException($"the {key} '{text}' of tensor '{tensor}' is not a number");
    }
}
