using System.Globalization;
using System.Text;
using Nabi.Compression.Reports;

namespace Nabi.Bench.Claims;

/// <summary>Reproduces papers' claims, each into <c>bench/results/claims/NAME.md</c>.</summary>
internal static class ClaimSuite
{
    private const int UsualSeeds = 3;

    private static readonly Claim[] All = [.. typeof(Claim).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Claim)) && t.IsSealed)
        .Select(t => (Claim)Activator.CreateInstance(t)!).OrderBy(c => c.Name, StringComparer.Ordinal)];

    /// <summary>Runs the claim that is named: <c>NAME [seeds] [threads]</c>; lists them when none is.</summary>
    public static int Run(string[] words)
    {
        if (words.Length == 0 || Array.Find(All, c => c.Name == words[0]) is not { } claim)
        {
            foreach (var known in All) Console.WriteLine($"{known.Name,-28} {known.Statement}");
            return words.Length == 0 ? 0 : 2;
        }
        var seeds = words.Length > 1 ? int.Parse(words[1], CultureInfo.InvariantCulture) : UsualSeeds;
        var threads = words.Length > 2 ? int.Parse(words[2], CultureInfo.InvariantCulture) : Environment.ProcessorCount;
        var clock = TimeProvider.System;
        var (run, start) = (new ClaimRun(seeds, threads), clock.GetTimestamp());
        claim.Run(run);
        var path = Path.Combine(Repository.Results, "claims", $"{claim.Name}.md");
        AtomicFile.Write(path, s => s.Write(Encoding.UTF8.GetBytes($"""
            # {claim.Name}

            {claim.Paper}: {claim.Statement}

            {run.Text.Trim()}

            {clock.GetUtcNow():yyyy-MM-dd}, {MachineInfo.This.Processor}, {threads} thread(s), seeds 1 to {seeds}, {clock.GetElapsedTime(start).TotalMinutes:F1} minutes on a shared machine.
            Again: `dotnet run -c Release --project bench/Nabi.Bench claim {claim.Name} {seeds} {threads}`

            """)));
        return 0;
    }
}
