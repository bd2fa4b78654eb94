using static Nabi.Cli.Tests.Commands;

namespace Nabi.Cli.Tests;

/// <summary>Model files that are missing, damaged, hostile or do not fit: one sentence that names the file and the node.</summary>
public sealed class ModelFaultTests : IDisposable
{
    private static readonly byte[] FourFloats = new byte[16];

    private readonly Workspace _at = new();

    public void Dispose() => _at.Dispose();

    public static TheoryData<string, string[]> Readers => new()
    {
        { "inspect", [] }, { "bench", [] }, { "export", ["--to", "nabi"] }, { "eval", ["--data", "DATA"] }, { "run", ["--data", "DATA"] }, { "compare", [] },
        { "compress", ["--data", "DATA", "--recipe", "int8-ptq", "-o", "OUT"] }, { "train", ["--data", "DATA", "--epochs", "1"] },
    };

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task Damaged_files_are_named(string command, string[] more)
    {
        var whole = File.ReadAllBytes(_at.Model());
        var files = new[]
        {
            _at.Write("cut.onnx", whole[..(whole.Length / 2)]),
            _at.Write("empty.onnx", []),
            _at.Write("noise.onnx", [.. Enumerable.Range(0, 2000).Select(i => (byte)(i * 7919 >> 3))]),
            _at.Write("text.onnx", "version https://git-lfs.github.com/spec/v1\n"u8.ToArray()),
            _at.Write("cut.nabi", File.ReadAllBytes(_at.Model("m.nabi"))[..500]),
            _at.Write("notes.txt", "hello"u8.ToArray()),
            _at.Write("lite.tflite", [28, 0, 0, 0, .. "TFL3"u8, 0, 0]),
        };
        foreach (var file in files) (await Run([command, file, .. WithData(more)])).FailsWith(Path.GetFileName(file));
        if (command != "train") (await Run([command, _at["none.onnx"], .. WithData(more)])).FailsWith("none.onnx", "does not exist");
        (await Run([command, _at.Folder, .. WithData(more)])).FailsWith(Path.GetFileName(_at.Folder));
    }

    [Fact]
    public async Task One_changed_byte_of_a_compact_file_is_found()
    {
        var bytes = File.ReadAllBytes(_at.Model("m.nabi"));
        bytes[^9] ^= 4;
        (await Run("eval", _at.Write("m.nabi", bytes), "--data", _at.Data())).FailsWith("m.nabi", "damaged");
    }

    [Fact]
    public async Task An_unknown_name_of_a_network_lists_the_known_ones() =>
        (await Run("train", "resnet9000", "--data", _at.Data())).FailsWith("resnet9000", "resnet8");

    [Fact]
    public async Task Unknown_operators_are_named_with_node_and_operator_set() =>
        (await Run("inspect", _at.Write("odd.onnx", OnnxBytes.Model("Frobnicate", [4], FourFloats)))).FailsWith("odd.onnx", "Frobnicate", "the_node", "17");

    [Fact]
    public async Task Unknown_operator_sets_are_named() =>
        (await Run("inspect", _at.Write("new.onnx", OnnxBytes.Model("Add", [4], FourFloats, opset: 9999)))).FailsWith("new.onnx", "9999");

    [Fact]
    public async Task Shapes_that_do_not_fit_name_the_node() =>
        (await Run("inspect", _at.Write("bad.onnx", OnnxBytes.Model("Add", [3], new byte[12])))).FailsWith("bad.onnx", "the_node", "[1, 4]", "[3]");

    [Theory]
    [InlineData(1L << 62, 1)]
    [InlineData(2_000_000_000, 1)]
    [InlineData(46341, 46341)]
    [InlineData(-1, 4)]
    [InlineData(0, long.MaxValue)]
    [InlineData(long.MinValue, long.MinValue)]
    public async Task Tensors_that_claim_much_take_little(long first, long second)
    {
        var path = _at.Write("claim.onnx", OnnxBytes.Model("MatMul", [first, second], FourFloats));
        var before = GC.GetTotalAllocatedBytes();
        (await Run("inspect", path)).FailsWith("claim.onnx", "'w'");
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 64 << 20);
    }

    [Theory]
    [InlineData("ConstantOfShape")]
    [InlineData("Expand")]
    [InlineData("Tile")]
    public async Task Operators_that_would_make_huge_tensors_take_little(string op)
    {
        var path = _at.Write("grow.onnx", OnnxBytes.Model(op, [4], FourFloats));
        var before = GC.GetTotalAllocatedBytes();
        (await Run("bench", path, "--runs", "1")).FailsWith("grow.onnx", "the_node");
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 64 << 20);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public async Task Weights_that_are_no_numbers_are_named(float number)
    {
        var model = _at.Write("nan.onnx", Workspace.With(Workspace.Linear(), number));
        var (sound, data) = (_at.Model(), _at.Data());
        foreach (var words in new string[][]
        {
            ["eval", model, "--data", data], ["run", model, "--data", data], ["train", model, "--data", data, "--epochs", "1", "-o", _at["t.onnx"]],
            ["train", sound, "--teacher", model, "--data", data, "--epochs", "1", "-o", _at["t.onnx"]], ["eval", sound, "--against", model, "--data", data],
            ["compress", model, "--data", data, "--recipe", "int8-ptq", "-o", _at["out"]], ["compress", model, "--data", data, "--time", "5s", "-o", _at["out"]],
            ["compare", sound, model, "--data", data, "--runs", "2"],
        }) (await Run(words)).FailsWith("linear", "holds", "element 3", "train or export the model again");
        Assert.DoesNotContain("t.onnx", _at.Files());

        var seen = await Run("inspect", model, "--json");
        Assert.Equal(7850, seen.Json().GetProperty("parameters").GetInt64());
        Assert.Contains("warning: ", seen.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await Run("export", model, "-o", _at["nan.nabi"])).ExitCode);
    }

    [Fact]
    public async Task Models_and_data_that_do_not_fit_name_both_shapes()
    {
        var data = _at.Data();
        foreach (var (name, input) in new (string, Shape)[] { ("channels", [3, 28, 28]), ("size", [1, 32, 32]) })
        {
            var model = _at.Write(name + ".onnx", Workspace.Linear(input));
            foreach (var command in new[] { "eval", "train", "compress" }) (await Run([command, model, "--data", data, .. command == "compress" ? ["-o", _at["out"]] : Array.Empty<string>()])).FailsWith(input.ToString(), "[1, 28, 28]", "digits");
        }
        var few = _at.Write("few.onnx", Workspace.Linear(classes: 4));
        foreach (var command in new[] { "eval", "run" }) (await Run(command, few, "--data", data)).FailsWith("4", "digits' has 10");
    }

    [Fact]
    public async Task Training_on_other_classes_begins_with_a_new_last_layer_and_says_so()
    {
        var trained = await Run("train", _at.Write("few.onnx", Workspace.Linear(classes: 4)), "--data", _at.Data(), "--epochs", "1", "-o", _at["ten.onnx"]);
        Assert.Contains("tells 4 classes apart and digits has 10: its last layer starts anew", trained.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await Run("eval", _at["ten.onnx"], "--data", _at.Data())).ExitCode);
    }

    private string[] WithData(string[] words) => Array.ConvertAll(words, w => w == "DATA" ? _at.Data() : w == "OUT" ? _at["out"] : w);
}
