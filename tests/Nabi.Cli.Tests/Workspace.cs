using Nabi.Formats;
using Nabi.Models;
using Nabi.Training.Data;

namespace Nabi.Cli.Tests;

/// <summary>A folder that is gone afterwards, with a small data set and a small model in it.</summary>
public sealed class Workspace : IDisposable
{
    private static readonly Lazy<(DataSet Train, DataSet Test)> Samples = new(() =>
    {
        var splits = Glyphs.Draw(train: 256, test: 64);
        return (splits.Train, splits.Test);
    });

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("nabi-cli-");

    public string Folder => _folder.FullName;

    /// <summary>A path in the folder.</summary>
    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>256 training and 64 test glyphs as IDX files.</summary>
    public string Data()
    {
        var folder = this["digits"];
        if (Directory.Exists(folder)) return folder;
        Directory.CreateDirectory(folder);
        WriteIdx(Samples.Value.Train, Path.Combine(folder, "train"));
        WriteIdx(Samples.Value.Test, Path.Combine(folder, "t10k"));
        return folder;
    }

    /// <summary>An untrained linear classifier of glyphs.</summary>
    public string Model(string name = "model.onnx") => Write(name, Linear());

    public string Write(string name, Graph graph)
    {
        ModelFile.Write(graph, this[name]);
        return this[name];
    }

    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    public static Graph Linear(Shape? input = null, int classes = 10) =>
        Zoo.Find("linear").Create(new ModelOptions { Input = input ?? [1, 28, 28], Classes = classes });

    /// <summary>The same model with one number of a learned parameter changed.</summary>
    public static Graph With(Graph graph, float number)
    {
        graph.Parameters.First(p => p.IsTrainable).Data!.Span<float>()[3] = number;
        return graph;
    }

    /// <summary>Names of the files in the folder, not below it.</summary>
    public string[] Files() => [.. _folder.EnumerateFiles().Select(f => f.Name).Order(StringComparer.Ordinal)];

    public void Dispose() => _folder.Delete(recursive: true);

    private static void WriteIdx(DataSet data, string prefix)
    {
        var images = new List<byte>([0, 0, 8, 3, 0, 0, (byte)(data.Count >> 8), (byte)data.Count, 0, 0, 0, 28, 0, 0, 0, 28]);
        var labels = new List<byte>([0, 0, 8, 1, 0, 0, (byte)(data.Count >> 8), (byte)data.Count]);
        for (var i = 0; i < data.Count; i++)
        {
            images.AddRange(data.Bytes(i));
            labels.Add((byte)data.Label(i));
        }
        File.WriteAllBytes(prefix + "-images-idx3-ubyte", [.. images]);
        File.WriteAllBytes(prefix + "-labels-idx1-ubyte", [.. labels]);
    }
}
