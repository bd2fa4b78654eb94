using System.Globalization;
using System.Text;
using Nabi.Models;

namespace Nabi.Bench.Training;

/// <summary>docs/models.md: the registry as a page, with the accuracies of <see cref="ZooSuite"/>.</summary>
internal static class ModelsDocument
{
    /// <summary>Writes the page.</summary>
    public static void Write()
    {
        var trained = TrainedNetwork.Load().ToDictionary(r => r.Name);
        var text = new StringBuilder("""
            # The zoo

            Written by `dotnet run -c Release --project bench/Nabi.Bench -- models` from the registry (`nabi models --json`) and
            [the trainings at small size](../bench/results/zoo.md). Parameters and multiply-accumulates (MACs) are counted on the graph for one input of the paper's
            size; beside them stands what the paper or its reference code states. MACs count convolutions, dense layers and matrix products, attention's too. The
            last column is the accuracy on Fashion-MNIST after one or two epochs at the size said there: a sign of life, with logistic regression (`linear`) as the bar.

            | network | input | parameters | reference | MACs | reference | light by | small size |
            |---|---|---:|---:|---:|---:|---|---|

            """);
        foreach (var entry in Zoo.All)
        {
            var summary = entry.Count();
            var accuracy = trained.TryGetValue(entry.Name, out var r) ? string.Create(CultureInfo.InvariantCulture, $"{100 * r.Accuracy:F1} % {Size(r)}") : "";
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {entry.Name} | {string.Join('x', entry.Input)} | {summary.Parameters:N0} | {entry.ReferenceParameters:N0} | {summary.Cost.Macs:N0} | {entry.ReferenceMacs:N0} | {entry.Lightness} | {accuracy} |");
        }
        text.AppendLine().AppendLine("## Papers").AppendLine();
        foreach (var paper in Zoo.All.GroupBy(e => e.Paper).OrderBy(g => g.Key, StringComparer.Ordinal)) text.AppendLine($"- {paper.Key}: {string.Join(", ", paper.Select(e => $"`{e.Name}`"))}");
        text.AppendLine().AppendLine("## Where the counts differ").AppendLine();
        foreach (var entry in Zoo.All.Where(e => e.Difference is not null)) text.AppendLine($"- `{entry.Name}`: {entry.Difference}");
        AtomicFile.Write(Path.Combine(Repository.Root, "docs", "models.md"), s => s.Write(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static string Size(TrainedNetwork trained)
    {
        var words = trained.Arguments.Split(' ');
        return string.Join(' ', words.Index().Where(w => w.Item is "--width" or "--depth").Select(w => $"{w.Item[2..]} {words[w.Index + 1]}"));
    }
}
