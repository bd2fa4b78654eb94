namespace Nabi.Bench.Claims;

/// <summary>
/// What a paper claims of a method, shown here at a size that runs in minutes. A claim is a sealed class with a parameterless constructor in one
/// file; <see cref="ClaimSuite"/> finds it by its name and keeps its table in <c>bench/results/claims</c>.
/// </summary>
internal abstract class Claim
{
    /// <summary>The name on the command line, in lower case with hyphens.</summary>
    public abstract string Name { get; }

    /// <summary>Authors, year, title, and the table, section or equation.</summary>
    public abstract string Paper { get; }

    /// <summary>What the paper claims, in a sentence.</summary>
    public abstract string Statement { get; }

    /// <summary>Measures, and gives rows to the run.</summary>
    public abstract void Run(ClaimRun run);
}
