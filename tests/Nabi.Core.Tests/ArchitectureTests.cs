using System.Xml.Linq;
using Nabi.TestSuite;

namespace Nabi.Core.Tests;

/// <summary>The rooms of docs/map.md: which project may reference which.</summary>
public class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> MayReference = new()
    {
        ["Nabi.Core"] = [],
        ["Nabi.Formats"] = ["Nabi.Core"],
        ["Nabi.Runtime"] = ["Nabi.Core"],
        ["Nabi.Training"] = ["Nabi.Core", "Nabi.Runtime"],
        ["Nabi.Models"] = ["Nabi.Core"],
        ["Nabi.Compression"] = ["Nabi.Core", "Nabi.Runtime", "Nabi.Training", "Nabi.Models"],
        ["Nabi.Cli"] = ["Nabi.Core", "Nabi.Formats", "Nabi.Runtime", "Nabi.Training", "Nabi.Models", "Nabi.Compression"],
    };

    public static TheoryData<string> Projects() => [.. Directory.GetDirectories(Path.Combine(Checkout.Root, "src")).Select(d => Path.GetFileName(d)!)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_references_only_what_the_map_allows(string project)
    {
        Assert.True(MayReference.TryGetValue(project, out var allowed), $"{project} has no row in the table of rooms.");
        var file = XDocument.Load(Path.Combine(Checkout.Root, "src", project, $"{project}.csproj"));
        var references = file.Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!));
        Assert.Empty(references.Except(allowed!));
    }

    [Fact]
    public void A_type_and_a_namespace_never_share_a_name()
    {
        var types = typeof(Graph).Assembly.GetTypes().Where(t => !t.IsNested).ToArray();
        var namespaces = types.Select(t => t.Namespace ?? "").SelectMany(n => n.Split('.')).ToHashSet();
        Assert.Empty(types.Where(t => namespaces.Contains(t.Name)).Select(t => t.FullName));
    }

    [Fact]
    public void Classes_are_abstract_or_sealed()
    {
        var open = typeof(Graph).Assembly.GetTypes()
            .Where(t => t.IsClass && !t.IsAbstract && !t.IsSealed && t.Namespace?.StartsWith("Nabi", StringComparison.Ordinal) == true)
            .Where(t => t != typeof(NabiException) && !t.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute), false));
        Assert.Empty(open.Select(t => t.FullName));
    }
}
