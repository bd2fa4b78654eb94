using System.CommandLine;
using Nabi.Training.Data;

namespace Nabi.Cli.Commands;

/// <summary>The options that say how inputs are normalized when the model's metadata does not.</summary>
internal sealed class NormalizationArguments
{
    private readonly Option<string?> _mean = new("--mean") { Description = "Per-channel mean of inputs scaled to 0..1, separated by commas; the model's metadata when not given." };
    private readonly Option<string?> _std = new("--std") { Description = "Per-channel divisor after the mean, separated by commas." };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_mean);
        command.Add(_std);
    }

    /// <summary>What was said, or null.</summary>
    /// <exception cref="NabiException">It is not a list of numbers, or the lists differ in length.</exception>
    public Normalization? Of(ParseResult arguments)
    {
        if (arguments.GetValue(_mean) is not { } mean) return null;
        var means = Numbers(mean);
        var stds = arguments.GetValue(_std) is { } std ? Numbers(std) : Enumerable.Repeat(1.0, means.Length).ToArray();
        if (means.Length != stds.Length || stds.Contains(0)) throw new NabiException($"--mean has {means.Length} numbers and --std {stds.Length}; give one of each per channel, no divisor 0.");
        return new Normalization(means, stds);
    }

    private static double[] Numbers(string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        return Array.TrueForAll(parts, p => double.TryParse(p, out _))
            ? Array.ConvertAll(parts, double.Parse)
            : throw new NabiException($"'{text}' is not a list of numbers; separate them by commas, for example 0.485,0.456,0.406.");
    }
}
