using Nabi.Formats.OnnxProto;
using Nabi.Runtime;

namespace Nabi.Formats.Tests;

/// <summary>
/// The ONNX backend tests that ONNX Runtime passes. <c>claimed.txt</c> lists, by suite, what Nabi passes: a claimed case that fails is red,
/// and so is an unclaimed one that passes, so the list only grows. <c>known-differences.txt</c> says why the others do not pass.
/// </summary>
public sealed class BackendTests(BackendArchive archive) : IClassFixture<BackendArchive>
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Onnx", "Conformance");

    [Theory]
    [InlineData("node")]
    [InlineData("simple")]
    [InlineData("pytorch-converted")]
    [InlineData("pytorch-operator")]
    public void ReferencePassesWhatItClaims(string suite) => Check(suite, "reference", (graph, inputs) => ReferenceEvaluator.Run(graph, inputs));

    [Theory]
    [InlineData("node")]
    [InlineData("simple")]
    [InlineData("pytorch-converted")]
    [InlineData("pytorch-operator")]
    public void SessionPassesWhatItClaims(string suite) => Check(suite, "session", (graph, inputs) =>
    {
        using var session = new Session(graph, new SessionOptions { Threads = 1 });
        return session.Run(inputs);
    });

    // What is written must say the same: attributes spelled as ONNX spells them, results unchanged, and .nabi exactly the graph.
    [Theory]
    [InlineData("node")]
    [InlineData("pytorch-converted")]
    public void ClaimedModelsSurviveWriting(string suite)
    {
        if (archive.Folder is null) return;
        var faults = new List<string>();
        foreach (var name in Lines("claimed.txt", suite).Keys)
        {
            var folder = Path.Combine(archive.Folder, suite, name);
            var original = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder, "model.onnx")));
            var fault = BackendCase.Run(folder, (graph, inputs) =>
            {
                using var bytes = new MemoryStream();
                OnnxFile.Write(graph, bytes, new OnnxWriteOptions { Exchange = false });
                if (Misspelled(original.Graph, ModelProto.Parser.ParseFrom(bytes.ToArray()).Graph) is { } spelling) throw new NabiException($"'{spelling}' is not written");
                bytes.Position = 0;
                var compact = NabiFile.Read(NabiFile.Write(graph));
                if (compact.ToString() != graph.ToString()) throw new NabiException("the .nabi file differs");
                if (!compact.Nodes.Select(n => n.Op.ToString()).SequenceEqual(graph.Nodes.Select(n => n.Op.ToString()), StringComparer.Ordinal)) throw new NabiException("the .nabi file's attributes differ");
                using var session = new Session(OnnxFile.Read(bytes), new SessionOptions { Threads = 1 });
                return session.Run(inputs);
            });
            if (fault is not null) faults.Add($"{name}: {fault}");
        }
        Assert.True(faults.Count == 0, $"{faults.Count} faults\n{string.Join('\n', faults)}");
    }

    // An attribute of a node of the newest form that the written node of the same operator does not have.
    private static string? Misspelled(GraphProto original, GraphProto written)
    {
        foreach (var node in original.Node)
        {
            if (written.Node.FirstOrDefault(n => n.OpType == node.OpType && n.Output[0] == node.Output[0]) is not { } same) continue;
            foreach (var attribute in node.Attribute)
            {
                var moved = attribute.Name is "axes" or "pads" or "min" or "max" or "value" or "spatial" or "ratio" or "split" or "starts" or "ends" or "broadcast" or "is_test" or "consumed_inputs" or "k";
                if (!moved && same.Attribute.All(a => a.Name != attribute.Name) && attribute.Ints.Count + attribute.Floats.Count + attribute.I != 0) return $"{node.OpType}.{attribute.Name}";
            }
        }
        return null;
    }

    private void Check(string suite, string executorName, Executor executor)
    {
        if (archive.Folder is null) return;
        var claimed = Lines("claimed.txt", suite);
        var known = Lines("known-differences.txt", suite);
        var faults = new List<string>();
        var passed = new List<string>();
        var failed = new List<string>();
        foreach (var name in BackendArchive.Passing(suite))
        {
            var fault = BackendCase.Run(Path.Combine(archive.Folder, suite, name), executor);
            if (fault is null) passed.Add(name);
            else failed.Add($"{name}: {fault}");
            if (fault is null && !claimed.ContainsKey(name)) faults.Add($"{name} passes but is not claimed");
            if (fault is not null && !claimed.ContainsKey(name) && !known.ContainsKey(name)) faults.Add($"{name} has no known reason to fail: {fault}");
            if (fault is not null && claimed.ContainsKey(name)) faults.Add($"{name} is claimed but fails: {fault}");
        }
        Report(suite, executorName, passed, failed);
        Assert.True(faults.Count == 0, $"{suite}, {executorName}: {passed.Count} pass.\n{string.Join('\n', faults)}");
    }

    // NABI_CONFORMANCE_REPORT names a folder for the full result: what passes, and what is wrong elsewhere.
    private static void Report(string suite, string executor, List<string> passed, List<string> failed)
    {
        if (Environment.GetEnvironmentVariable("NABI_CONFORMANCE_REPORT") is not { Length: > 0 } folder) return;
        Directory.CreateDirectory(folder);
        File.WriteAllLines(Path.Combine(folder, $"{suite}.{executor}.pass.txt"), passed);
        File.WriteAllLines(Path.Combine(folder, $"{suite}.{executor}.fail.txt"), failed);
    }

    // A line is "suite/case" and, after a space, the reason.
    private static Dictionary<string, string> Lines(string file, string suite) => File.ReadAllLines(Path.Combine(Folder, file))
        .Where(l => l.StartsWith(suite + "/", StringComparison.Ordinal))
        .Select(l => l[(suite.Length + 1)..].Split(' ', 2))
        .ToDictionary(p => p[0], p => p.Length > 1 ? p[1] : "", StringComparer.Ordinal);
}
