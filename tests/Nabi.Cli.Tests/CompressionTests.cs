using Nabi.Models;
using static Nabi.Cli.Tests.Commands;

namespace Nabi.Cli.Tests;

/// <summary>The commands that compress and compare, on a small convolutional network and few samples.</summary>
public sealed class CompressionTests : IDisposable
{
    private readonly Workspace _at = new();

    public void Dispose() => _at.Dispose();

    private async Task<string> Trained()
    {
        (await Run("train", "lenet5", "--width", "0.3", "--data", _at.Data(), "--epochs", "6", "-o", _at["m.onnx"], "--json")).Json();
        return _at["m.onnx"];
    }

    [Theory]
    [InlineData("int8-ptq")]
    [InlineData("int4-weights")]
    public async Task A_recipe_writes_the_model_in_both_formats_and_a_report(string recipe)
    {
        var model = await Trained();
        var run = await Run("compress", model, "--data", _at.Data(), "--recipe", recipe, "--max-drop", "50", "-o", _at["out"], "--json");
        var json = run.Json();
        Assert.True(json.GetProperty("is_budget_met").GetBoolean());
        Assert.True(json.GetProperty("recommended").GetProperty("bytes").GetInt64() < new FileInfo(model).Length / 2);
        Assert.NotEqual(0, json.GetProperty("pareto").GetArrayLength());
        foreach (var name in new[] { "recommended.onnx", "recommended.nabi", "report.html" }) Assert.True(File.Exists(Path.Combine(_at["out"], name)), name);
        Assert.Empty(Directory.GetFiles(_at["out"], "*.tmp", SearchOption.AllDirectories));

        var rows = (await Run("compare", model, Path.Combine(_at["out"], "recommended.nabi"), "--data", _at.Data(), "--runs", "5", "--json")).Json();
        Assert.Equal(2, rows.GetArrayLength());
        Assert.Equal(json.GetProperty("recommended").GetProperty("accuracy").GetDouble(), rows[1].GetProperty("accuracy").GetDouble(), 6);
        Assert.NotEqual("", (await Run("compare", model, "--runs", "2")).Output);
    }

    [Fact]
    public async Task Diagnose_lists_every_layer_and_writes_a_page()
    {
        var model = await Trained();
        await Run("compress", model, "--data", _at.Data(), "--recipe", "int4-weights", "--max-drop", "50", "-o", _at["out"]);
        var small = Path.Combine(_at["out"], "recommended.nabi");
        var json = (await Run("diagnose", model, small, "--data", _at.Data(), "--samples", "40", "-o", _at["d.html"], "--json")).Json();
        Assert.Equal(40, json.GetProperty("samples").GetInt32());
        Assert.Equal(4, json.GetProperty("layers").GetArrayLength());
        Assert.Contains(json.GetProperty("layers").EnumerateArray(), l => l.GetProperty("form").GetString()!.StartsWith("int4", StringComparison.Ordinal));
        Assert.Contains("Restored", await File.ReadAllTextAsync(_at["d.html"]), StringComparison.Ordinal);
        Assert.Contains("divergence", (await Run("diagnose", model, small, "--data", _at.Data(), "--samples", "40")).Output, StringComparison.Ordinal);
        (await Run("diagnose", model, _at["none.onnx"], "--data", _at.Data())).FailsWith("none.onnx");
    }

    [Fact]
    public async Task A_budget_that_cannot_be_met_still_writes_what_was_found()
    {
        var run = await Run("compress", await Trained(), "--data", _at.Data(), "--recipe", "int8-ptq", "--target", "bytes=100", "-o", _at["out"], "--json");
        Assert.Equal(CommandLine.BudgetNotMet, run.ExitCode);
        Assert.Contains("\"is_budget_met\": false", run.Output, StringComparison.Ordinal);
        Assert.Contains("\"closest\"", run.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_at["out"], "recommended.onnx")));
        Assert.True(File.Exists(Path.Combine(_at["out"], "report.html")));
    }

    [Fact]
    public async Task A_search_ends_in_its_time_with_the_pareto_set()
    {
        var run = await Run("compress", await Trained(), "--data", _at.Data(), "--max-drop", "60%", "--time", "3s", "-o", _at["out"], "--json");
        Assert.NotEqual(0, run.Json().GetProperty("pareto").GetArrayLength());
    }

    [Fact]
    public async Task The_quick_start_goes_the_whole_road()
    {
        var run = await Run("quickstart", "--data", _at.Data(), "--epochs", "1", "-o", _at["out"], "--json");
        Assert.True(run.ExitCode is CommandLine.Done or CommandLine.BudgetNotMet, run.Error);
        Assert.Contains("\"comparison\"", run.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_at["out"], "report.html")));
    }

    [Theory]
    [InlineData("--recipe", "slim.yaml", "no recipe 'slim.yaml'")]
    [InlineData("--max-drop", "lots", "'lots' is not a loss of accuracy")]
    [InlineData("--max-drop", "-1", "'-1' is not a loss of accuracy")]
    [InlineData("--max-drop", "NaN", "is not a loss of accuracy")]
    [InlineData("--time", "soon", "'soon' is not a time")]
    [InlineData("--time", "-5s", "'-5s' is not a time")]
    [InlineData("--time", "", "'' is not a time")]
    [InlineData("--target", "cortex-m7", "no device profile 'cortex-m7'")]
    [InlineData("--target", "bytes=many", "'many' is not a quantity")]
    public async Task Values_that_cannot_be_are_named(string option, string value, string part) =>
        (await Run("compress", _at.Model(), "--data", _at.Data(), "-o", _at["out"], option, value)).FailsWith(part);

    [Fact]
    public async Task Damaged_recipes_name_file_and_line()
    {
        File.WriteAllText(_at["r.yaml"], "name: r\nsteps:\n  - prune-chanels: { keep-macs: 0.5 }\n");
        (await Run("compress", _at.Model(), "--data", _at.Data(), "-o", _at["out"], "--recipe", _at["r.yaml"])).FailsWith("r.yaml", "line 3", "prune-chanels", "prune-channels");
        File.WriteAllText(_at["r.yaml"], "name: r\nsteps:\n  - prune-channels: { keep-macs: 7 }\n");
        (await Run("compress", _at.Model(), "--data", _at.Data(), "-o", _at["out"], "--recipe", _at["r.yaml"])).FailsWith("r.yaml", "keep-macs is 7");
    }

    [Fact]
    public async Task A_model_in_integers_is_not_compressed_again()
    {
        var model = _at.Write("m.onnx", Zoo.Find("lenet5").Create(new ModelOptions { Width = 0.2 }));
        await Run("compress", model, "--data", _at.Data(), "--recipe", "int8-ptq", "--max-drop", "100", "-o", _at["out"]);
        var again = await Run("compress", Path.Combine(_at["out"], "recommended.onnx"), "--data", _at.Data(), "--recipe", "int8-ptq", "-o", _at["again"]);
        Assert.DoesNotContain("error inside Nabi", again.Error, StringComparison.Ordinal);
        Assert.NotEqual(CommandLine.Done, again.ExitCode);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_refused_first()
    {
        _at.Write("file", [1]);
        (await Run("compress", _at.Model(), "--data", _at.Data(), "-o", _at["file"])).FailsWith("file", "cannot be written");
        (await Run("quickstart", "--data", _at.Data(), "-o", "/proc/nabi")).FailsWith("/proc/nabi", "cannot be written");
    }
}
