using System.Globalization;
using Nabi.TestSuite;

namespace Nabi.Models.Tests;

public class ModelsPageTests
{
    [Fact]
    public void The_page_of_networks_says_what_the_registry_counts()
    {
        var rows = File.ReadLines(Path.Combine(Checkout.Root, "docs", "models.md")).Select(l => l.Split('|', StringSplitOptions.TrimEntries))
            .Where(c => c.Length > 6 && Zoo.All.Any(e => e.Name == c[1])).ToArray();
        Assert.NotEmpty(rows);
        foreach (var row in rows)
        {
            var summary = Zoo.Find(row[1]).Count();
            Assert.True(summary.Parameters == Number(row[3]) && summary.Cost.Macs == Number(row[5]),
                $"docs/models.md is out of date about {row[1]}; write it again with 'dotnet run -c Release --project bench/Nabi.Bench -- models'.");
        }
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
}
