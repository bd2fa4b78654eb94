using System.CommandLine;
using System.Text.Json.Serialization;
using Nabi.Models;

namespace Nabi.Cli.Commands;

/// <summary><c>nabi models</c>: the zoo.</summary>
internal sealed class ModelsCommand : NabiCommand
{
    public ModelsCommand()
        : base("models", "Lists the zoo: parameters and multiply-accumulates beside the reference's figures; --json gives the papers too.", "nabi models")
    {
    }

    protected override int Run(ParseResult arguments, CancellationToken cancellation)
    {
        var rows = Zoo.All.Select(entry => (Entry: entry, Summary: entry.Count())).ToArray();
        Screen.Table(null, ["name", "input", ">parameters", ">reference", ">MACs", ">reference", "light by"], rows.Select(r => (IReadOnlyList<string>)
        [
            r.Entry.Name, string.Join('x', r.Entry.Input), Format.Count(r.Summary.Parameters), Known(r.Entry.ReferenceParameters),
            Format.Count(r.Summary.Cost.Macs), Known(r.Entry.ReferenceMacs), r.Entry.Lightness,
        ]));
        Screen.Document(rows.Select(r => new Row(r.Entry.Name, r.Entry.Input.Dims.ToArray(), r.Entry.Classes, r.Summary.Parameters, r.Summary.Cost.Macs,
            r.Entry.ReferenceParameters, r.Entry.ReferenceMacs, r.Entry.Difference, r.Entry.Lightness, r.Entry.Paper)));
        return CommandLine.Done;
    }

    private static string Known(long? reference) => reference is { } n ? Format.Count(n) : "";

    // A reference that states no figure is null, not absent.
    private sealed record Row(
        string Name, int[] Input, int Classes, long Parameters, long Macs,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? ReferenceParameters,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? ReferenceMacs,
        string? Difference, string Lightness, string Paper);
}
