using static Nabi.Cli.Tests.Commands;

namespace Nabi.Cli.Tests;

/// <summary>Data that is missing, damaged or too little: one sentence that names the place.</summary>
public sealed class DataFaultTests : IDisposable
{
    // A grey bitmap of 1 x 1: file header, information header, two colours of a palette, one padded row.
    private static readonly byte[] Bitmap =
    [
        (byte)'B', (byte)'M', 66, 0, 0, 0, 0, 0, 0, 0, 62, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0,
    ];

    private static readonly byte[] ColorBitmap =
    [
        (byte)'B', (byte)'M', 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0,
    ];

    private readonly Workspace _at = new();

    public void Dispose() => _at.Dispose();

    private Task<Outcome> Eval(string data) => Run("eval", _at.Model(), "--data", data);

    private Task<Outcome> Train(string data, params string[] more) => Run(["train", "linear", "--data", data, "--epochs", "1", "-o", _at["t.onnx"], .. more]);

    [Fact]
    public async Task Missing_data_lists_what_is_known()
    {
        (await Eval(_at["nowhere"])).FailsWith("nowhere", "glyphs", "fashion-mnist");
        (await Train("imagenet")).FailsWith("imagenet", "glyphs");
    }

    [Fact]
    public async Task Folders_without_data_say_what_they_could_hold()
    {
        var empty = Directory.CreateDirectory(_at["void"]).FullName;
        (await Eval(empty)).FailsWith("void", "IDX", "PNG");
        Directory.CreateDirectory(Path.Combine(empty, "cats"));
        (await Eval(empty)).FailsWith("void", "PNG");
        _at.Write("void/cats/readme.md", [1, 2]);
        (await Eval(empty)).FailsWith("void");
    }

    [Fact]
    public async Task A_folder_with_one_picture_cannot_be_split()
    {
        var folder = Directory.CreateDirectory(_at["few/cats"]).Parent!.FullName;
        _at.Write("few/cats/a.bmp", ColorBitmap);
        (await Train(folder, "--batch", "1")).FailsWith("few", "no samples");
        (await Train(folder)).FailsWith("few", "1 samples", "smaller batches");
    }

    [Fact]
    public async Task A_damaged_picture_among_good_ones_is_named()
    {
        var folder = Directory.CreateDirectory(_at["pics/cats"]).Parent!.FullName;
        for (var i = 0; i < 5; i++) _at.Write($"pics/cats/{i}.bmp", ColorBitmap);
        _at.Write("pics/cats/3.bmp", ColorBitmap[..56]);
        (await Eval(folder)).FailsWith("3.bmp");
        _at.Write("pics/cats/3.bmp", []);
        (await Eval(folder)).FailsWith("3.bmp");
        _at.Write("pics/cats/3.bmp", Bitmap);
        Assert.NotEqual("", (await Eval(folder)).Error);
    }

    [Theory]
    [InlineData("train-images-idx3-ubyte")]
    [InlineData("t10k-labels-idx1-ubyte")]
    public async Task Truncated_files_are_named(string file)
    {
        var path = Path.Combine(_at.Data(), file);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^10]);
        (await Eval(_at.Data())).FailsWith(file);
        File.WriteAllBytes(path, []);
        (await Eval(_at.Data())).FailsWith(file);
    }

    [Theory]
    [InlineData("a.npz")]
    [InlineData("a.csv")]
    [InlineData("a.bin")]
    [InlineData("a.cjp")]
    [InlineData("a.csv.gz")]
    [InlineData("a.xyz")]
    public async Task Files_that_hold_something_else_are_named(string name)
    {
        (await Eval(_at.Write(name, []))).FailsWith(name);
        (await Eval(_at.Write(name, "PK\u0003\u0004 this is not it"u8.ToArray()))).FailsWith(name);
    }

    [Fact]
    public async Task Samples_outside_the_set_are_refused() => (await Run("run", _at.Model(), "--data", _at.Data(), "--sample", "64")).FailsWith("no sample 64", "0 to 63");
}
