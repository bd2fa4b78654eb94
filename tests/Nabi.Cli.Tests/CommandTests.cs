using System.CommandLine;
using static Nabi.Cli.Tests.Commands;

namespace Nabi.Cli.Tests;

/// <summary>Every command: its help, its document, its exit code.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly Workspace _at = new();

    public static TheoryData<string> All => [.. CommandLine.Root(new Screen(TextWriter.Null, TextWriter.Null, false, 160)).Subcommands.Select(c => c.Name)];

    public void Dispose() => _at.Dispose();

    [Theory]
    [MemberData(nameof(All))]
    public async Task Help_describes_every_word_and_shows_an_example_that_parses(string command)
    {
        var help = await Run(command, "--help");
        Assert.Equal((0, ""), (help.ExitCode, help.Error));
        var example = help.Output.Split('\n').SkipWhile(l => l.Trim() != "Example:").Skip(1).First().Trim();
        Assert.StartsWith($"nabi {command}", example, StringComparison.Ordinal);
        var root = CommandLine.Root(new Screen(TextWriter.Null, TextWriter.Null, false, 160));
        Assert.Empty(root.Parse(example["nabi ".Length..]).Errors);
        var symbols = root.Subcommands.Single(c => c.Name == command);
        Assert.All(symbols.Options.Cast<Symbol>().Concat(symbols.Arguments), s => Assert.False(string.IsNullOrWhiteSpace(s.Description), s.Name));
    }

    [Fact]
    public async Task The_tool_says_what_it_can_do_and_its_version()
    {
        var help = await Run("--help");
        Assert.Equal(0, help.ExitCode);
        foreach (string name in All) Assert.Contains($"\n  {name} ", help.Output, StringComparison.Ordinal);
        Assert.Matches(@"^\d+\.\d+\.\d+", (await Run("--version")).Output);
    }

    [Fact]
    public async Task Models_lists_the_zoo()
    {
        var json = (await Run("models", "--json")).Json();
        var linear = json.EnumerateArray().Single(m => m.GetProperty("name").GetString() == "linear");
        Assert.Equal(7850, linear.GetProperty("parameters").GetInt64());
        Assert.Equal(7840, linear.GetProperty("macs").GetInt64());
    }

    [Fact]
    public async Task New_writes_a_model_that_inspect_reads()
    {
        var json = (await Run("new", "linear", "--classes", "7", "--input", "2x3x4", "-o", _at["n.onnx"], "--json")).Json();
        Assert.Equal(24 * 7 + 7, json.GetProperty("parameters").GetInt64());
        Assert.Equal(new FileInfo(_at["n.onnx"]).Length, json.GetProperty("bytes").GetInt64());
        var seen = (await Run("inspect", _at["n.onnx"], "--json")).Json();
        Assert.Equal(24 * 7 + 7, seen.GetProperty("parameters").GetInt64());
        Assert.Equal(24 * 7, seen.GetProperty("macs").GetInt64());
        Assert.True(seen.GetProperty("peak_activation_bytes").GetInt64() >= 4 * (24 + 7));
        Assert.Contains(seen.GetProperty("layers").EnumerateArray(), l => l.GetProperty("macs").GetInt64() == 24 * 7);
        Assert.Contains("175 parameters, 168 MACs", (await Run("inspect", _at["n.onnx"])).Output, StringComparison.Ordinal);
        Assert.Contains("return", (await Run("inspect", _at["n.onnx"], "--graph")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_then_eval_run_bench_and_export_agree()
    {
        var model = _at["t.onnx"];
        var trained = (await Run("train", "linear", "--data", _at.Data(), "--epochs", "3", "-o", model, "--json")).Json();
        Assert.True(trained.GetProperty("is_complete").GetBoolean());
        Assert.Equal(3, trained.GetProperty("history").GetArrayLength());
        Assert.Equal(model, trained.GetProperty("path").GetString());

        var measured = (await Run("eval", model, "--data", _at.Data(), "--json")).Json();
        Assert.Equal(64, measured.GetProperty("samples").GetInt32());
        Assert.Equal(trained.GetProperty("accuracy").GetDouble(), measured.GetProperty("accuracy").GetDouble());
        Assert.True(measured.GetProperty("loss").GetDouble() > 0);
        Assert.True(measured.GetProperty("seconds").GetDouble() >= 0);

        var run = (await Run("run", model, "--data", _at.Data(), "--sample", "2", "--json")).Json();
        Assert.Equal(10, run.GetProperty("probabilities").GetArrayLength());
        Assert.Equal(1, run.GetProperty("probabilities").EnumerateArray().Sum(p => p.GetDouble()), 6);

        var bench = (await Run("bench", model, "--runs", "5", "--warmup", "1", "--streams", "2", "--per-layer", "--json")).Json();
        Assert.True(bench.GetProperty("p50_ms").GetDouble() <= bench.GetProperty("p95_ms").GetDouble());
        Assert.Equal(1, bench.GetProperty("threads").GetInt32());
        Assert.Equal(2, bench.GetProperty("streams").GetInt32());
        Assert.NotEqual(0, bench.GetProperty("steps").GetArrayLength());
        Assert.True(bench.GetProperty("peak").GetProperty("gigaflops_per_second").GetDouble() > 0);

        var exported = (await Run("export", model, "-o", _at["t.nabi"], "--json")).Json();
        Assert.Equal(new FileInfo(_at["t.nabi"]).Length, exported.GetProperty("bytes").GetInt64());
        var again = (await Run("eval", _at["t.nabi"], "--data", _at.Data(), "--against", model, "--json")).Json();
        Assert.Equal(1, again.GetProperty("agreement").GetDouble());
    }

    [Fact]
    public async Task Data_says_where_sets_are()
    {
        var glyphs = (await Run("data", "--json")).Json().EnumerateArray().Single(s => s.GetProperty("name").GetString() == "glyphs");
        Assert.Equal("procedural", glyphs.GetProperty("location").GetString());
        Assert.Equal("procedural", (await Run("data", "get", "glyphs", "--json")).Json().GetProperty("location").GetString());
        (await Run("data", "get", "imagenet")).FailsWith("no known data set 'imagenet'");
        (await Run("data", "fetch")).FailsWith("'nabi data fetch' is not known");
    }

    [Fact]
    public async Task A_stopped_training_resumes_to_the_same_bits()
    {
        string[] command = ["train", "linear", "--data", _at.Data(), "--epochs", "4", "--seed", "3"];
        await Run([.. command, "-o", _at["whole.nabi"]]);
        await Run([.. command, "-o", _at["a.nabi"], "--checkpoint", _at["c.ckpt"], "--checkpoint-steps", "1"]);
        var resumed = (await Run([.. command, "-o", _at["b.nabi"], "--checkpoint", _at["c.ckpt"], "--json"])).Json();
        Assert.True(resumed.GetProperty("is_complete").GetBoolean());
        Assert.Equal(File.ReadAllBytes(_at["whole.nabi"]), File.ReadAllBytes(_at["b.nabi"]));
        (await Run([.. command[..^1], "4", "-o", _at["d.nabi"], "--checkpoint", _at["c.ckpt"]])).FailsWith(_at["c.ckpt"], "belongs to another training", "Delete it");
    }

    [Fact]
    public async Task Unknown_commands_list_the_known_ones()
    {
        (await Run("frobnicate")).IsUsage("no command 'frobnicate'", "inspect, train");
        Assert.Equal(CommandLine.Usage, (await Run()).ExitCode);
    }

    [Theory]
    [InlineData("eval")]
    [InlineData("eval", "m.onnx")]
    [InlineData("eval", "m.onnx", "--data", "glyphs", "--threads", "0")]
    [InlineData("eval", "m.onnx", "--data", "glyphs", "--threads", "many")]
    [InlineData("eval", "m.onnx", "--data", "glyphs", "--batch", "2000000000")]
    [InlineData("eval", "m.onnx", "--data", "glyphs", "--batch", "99999999999")]
    [InlineData("eval", "m.onnx", "--data", "glyphs", "--limit", "0")]
    [InlineData("bench", "m.onnx", "--runs", "0")]
    [InlineData("bench", "m.onnx", "--threads", "-1")]
    [InlineData("bench", "m.onnx", "--warmup", "-1")]
    [InlineData("bench", "m.onnx", "--streams", "0")]
    [InlineData("run", "m.onnx", "--data", "glyphs", "--sample", "-1")]
    [InlineData("run", "m.onnx", "--data", "glyphs", "--top", "0")]
    [InlineData("train", "linear", "--data", "glyphs", "--epochs", "-1")]
    [InlineData("train", "linear", "--data", "glyphs", "--batch", "0")]
    [InlineData("train", "linear", "--data", "glyphs", "--unknown", "0")]
    [InlineData("new", "linear", "--classes", "-3")]
    [InlineData("compress", "m.onnx", "--data", "glyphs", "--threads", "0")]
    [InlineData("compress", "m.onnx", "--data", "glyphs", "--limit", "-5")]
    [InlineData("compare")]
    [InlineData("compare", "m.onnx", "--runs", "0")]
    [InlineData("quickstart", "--epochs", "0")]
    public async Task Words_that_make_no_sense_are_usage(params string[] words) => (await Run(words)).IsUsage();

    [Theory]
    [InlineData("--lr", "-1", "learning rate of -1")]
    [InlineData("--lr", "0", "learning rate of 0")]
    [InlineData("--ema", "2", "averaging decay of 2")]
    [InlineData("--clip", "0", "clipping norm of 0")]
    [InlineData("--weight-decay", "-1", "weight decay of -1")]
    [InlineData("--label-smoothing", "3", "3")]
    [InlineData("--optimizer", "lion", "use sgd, adam")]
    [InlineData("--schedule", "moon", "use cosine")]
    [InlineData("--augment", "sharpen", "use crop")]
    [InlineData("--width", "0", "width of 0")]
    [InlineData("--width", "1e9", "width of 1000000000")]
    [InlineData("--mean", "a,b", "not a list of numbers")]
    [InlineData("--mean", "0.1,0.2,0.3", "3")]
    [InlineData("--teacher", "none.onnx", "none.onnx")]
    public async Task Values_that_cannot_be_are_named(string option, string value, string part) =>
        (await Run("train", option == "--width" ? "lenet-300-100" : "linear", "--data", _at.Data(), "--epochs", "1", "-o", _at["t.onnx"], option, value)).FailsWith(part);

    [Fact]
    public async Task A_batch_beyond_memory_is_refused()
    {
        var model = _at.Write("wide.onnx", Workspace.Linear([3, 512, 512], 2));
        (await Run("bench", model, "--batch", "60000", "--runs", "1")).FailsWith("[60000, 3, 512, 512]", "more than 2147483647 elements");
    }

    [Fact]
    public async Task A_training_in_stages_counts_its_epochs_through()
    {
        var trained = (await Run("train", "resnet8", "--width", "0.25", "--data", _at.Data(), "--epochs", "3", "--progressive", "--stages", "2", "--start-size", "0.6", "--strength", "0.5",
            "--stochastic-depth", "0.1", "-o", _at["p.onnx"], "--json")).Json();
        Assert.Equal([1, 2, 3], trained.GetProperty("history").EnumerateArray().Select(h => h.GetProperty("epoch").GetInt32()));
        (await Run("train", "linear", "--data", _at.Data(), "--epochs", "4", "--progressive", "-o", _at["p.onnx"])).FailsWith("cannot read images of", "global pooling");
    }

    [Fact]
    public async Task An_autoencoder_is_trained_to_give_back_its_input()
    {
        var trained = (await Run("train", "fc-autoencoder", "--width", "0.25", "--data", _at.Data(), "--epochs", "2", "-o", _at["a.onnx"], "--json")).Json();
        Assert.True(trained.GetProperty("error").GetDouble() > 0);
        Assert.True((await Run("train", _at["a.onnx"], "--data", _at.Data(), "--epochs", "1", "-o", _at["b.onnx"], "--json")).Json().GetProperty("error").GetDouble() > 0);
    }

    [Fact]
    public async Task A_diverging_training_says_so() =>
        (await Run("train", "lenet-300-100", "--data", _at.Data(), "--epochs", "5", "--lr", "900000", "-o", _at["t.onnx"])).FailsWith("loss stopped being a number", "lower the learning rate");
}
