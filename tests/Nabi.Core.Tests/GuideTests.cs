using System.Text.RegularExpressions;
using Nabi.TestSuite;

namespace Nabi.Core.Tests;

/// <summary>The code in the guides is the code in the sources: what is shown compiles and is tested.</summary>
public partial class GuideTests
{
    public static TheoryData<string> Guides() => [.. Directory.GetFiles(Path.Combine(Checkout.Root, "docs", "guides"), "*.md").Select(f => Path.GetFileName(f)!)];

    [Theory]
    [MemberData(nameof(Guides))]
    public void Quoted_code_is_the_file_it_names(string guide)
    {
        var text = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "guides", guide));
        var quotes = Quote().Matches(text);
        Assert.NotEmpty(quotes);
        foreach (Match quote in quotes)
            Assert.Equal(File.ReadAllText(Path.Combine(Checkout.Root, quote.Groups["file"].Value)).Trim(), quote.Groups["code"].Value.Trim());
    }

    [GeneratedRegex("""<!-- (?<file>\S+) -->\n```csharp\n(?<code>.*?)```""", RegexOptions.Singleline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Quote();
}
