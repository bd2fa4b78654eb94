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

    private void Check(string suite, string executorName, Executor executor)
    {
        if (archive.Folder is null) return;
        var claimed = Lines("claimed.txt", suite);
        var faults = new List<string>();
        var passed = new List<string>();
        var failed = new List<string>();
        foreach (var name in BackendArchive.Passing(suite))
        {
            var fault = BackendCase.Run(Path.Combine(archive.Folder, suite, name), executor);
            if (fault is null) passed.Add(name);
            else failed.Add($"{name}: {fault}");
            if (fault is null && !claimed.ContainsKey(name)) faults.Add($"{name} passes but is not claimed");
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
