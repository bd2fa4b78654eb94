namespace Nabi.Cli.Tests;

public class ScreenTests
{
    [Theory]
    [InlineData(30)]
    [InlineData(100)]
    public void A_table_fits_the_terminal_and_loses_nothing(int width)
    {
        var output = new StringWriter();
        new Screen(output, TextWriter.Null, isTerminal: false, width).Table("title", ["name", ">accuracy", ">bytes", "kernel"],
            [["first", "91.98 %", "51.1 kB", "conv.direct"], ["second", "", "63.3 kB", "gemm"]]);

        var lines = output.ToString().Split('\n');
        Assert.All(lines, l => Assert.True(l.TrimEnd().Length <= width, $"'{l}' is longer than {width}."));
        foreach (var cell in new[] { "title", "first", "91.98 %", "51.1 kB", "conv.direct", "second", "63.3 kB", "gemm", "accuracy", "kernel" })
            Assert.Contains(cell, output.ToString());
    }
}
