using System.Text.Json;

namespace Nabi.Cli.Tests;

/// <summary>What a command left behind.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error)
{
    /// <summary>Done, with exactly one JSON document on standard output.</summary>
    public JsonElement Json()
    {
        Assert.True(ExitCode == CommandLine.Done, $"exit {ExitCode}: {Error}");
        return JsonDocument.Parse(Output).RootElement;
    }

    /// <summary>Failed with one sentence that names what is wrong and what to do, and nothing else but progress.</summary>
    public void FailsWith(params ReadOnlySpan<string> parts) => EndsWith(CommandLine.Failed, parts);

    /// <summary>The words of the command were refused, with a hint at the help.</summary>
    public void IsUsage(params ReadOnlySpan<string> parts)
    {
        EndsWith(CommandLine.Usage, parts);
        Assert.Contains("--help'.", Error, StringComparison.Ordinal);
    }

    private void EndsWith(int exitCode, ReadOnlySpan<string> parts)
    {
        Assert.True(ExitCode == exitCode, $"exit {ExitCode} instead of {exitCode}: {Output}{Error}");
        Assert.Equal("", Output);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("error inside Nabi", Error, StringComparison.Ordinal);
        foreach (var part in parts) Assert.True(Error.Contains(part, StringComparison.Ordinal), $"'{part}' is not said: {Error}");
        if (exitCode != CommandLine.Failed) return;
        var said = Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => l.StartsWith("nabi: ", StringComparison.Ordinal)).ToArray();
        Assert.True(said.Length == 1, Error);
        Assert.EndsWith(".", said[0].TrimEnd(), StringComparison.Ordinal);
        Assert.EndsWith(said[0], Error.TrimEnd(), StringComparison.Ordinal);
    }
}

/// <summary>The command line, in this process.</summary>
internal static class Commands
{
    public static async Task<Outcome> Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await CommandLine.RunAsync(args, new Screen(output, error, isTerminal: false, width: 160));
        return new Outcome(code, output.ToString(), error.ToString());
    }
}
