namespace Nabi.Training.Data;

/// <summary>A data set that Nabi knows by name, and where it was found.</summary>
/// <param name="Name">The name to ask for.</param>
/// <param name="Description">Samples, shape, classes.</param>
/// <param name="Location">The folder or file it is in, <c>procedural</c>, or null when it is nowhere.</param>
/// <param name="HowToGet">What to do when it is nowhere.</param>
public sealed record KnownDataSet(string Name, string Description, string? Location, string HowToGet);

/// <summary>Finds data sets by name or path.</summary>
public static class DataSets
{
    /// <summary>The environment variable with a folder (or several, separated as in PATH) in which data sets are looked for first.</summary>
    public const string FolderVariable = "NABI_DATA";

    private const double TestFraction = 0.2;
    private const ulong SplitSeed = 20;

    private static readonly string[] FashionNames =
        ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

    private sealed record Entry(string Name, string Description, string[] Folders, Func<string, string, DataSplits?> Read, string HowToGet);

    private static readonly Entry[] Known =
    [
        new("fashion-mnist", "70,000 grey images 28x28 of clothes, 10 classes", ["fashion-mnist"],
            (name, folder) => IdxReader.ReadFolder(name, folder, FashionNames), "run 'nabi data get fashion-mnist', or install the Debian package dataset-fashion-mnist"),
        new("mnist", "70,000 grey images 28x28 of written digits, 10 classes", ["mnist"],
            (name, folder) => IdxReader.ReadFolder(name, folder, null), "put the four files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz into a folder mnist there"),
        new("cifar10", "60,000 color images 32x32, 10 classes", ["cifar10", "cifar-10-batches-bin"], ReadCifar,
            "put data_batch_1.bin to data_batch_5.bin and test_batch.bin of the binary version into a folder cifar10 there"),
        new("ic01", "MLPerf Tiny image classification: 200 color images 32x32, 10 classes, for measuring only", ["mlperf_tiny"],
            MlPerfTinyReader.ReadImages, "put ic01.bin and ic01_y_labels.csv into a folder mlperf_tiny there"),
        new("kws01", "MLPerf Tiny keyword spotting: 1,000 of 49x10 features, 12 classes, for measuring only", ["mlperf_tiny"],
            MlPerfTinyReader.ReadKeywords, "put kws01.bin and kws01_y_labels.csv into a folder mlperf_tiny there"),
        new("glyphs", "12,000 grey images 28x28 of digits drawn by Nabi, 10 classes", [], (_, _) => Glyphs.Draw(), ""),
    ];

    /// <summary>Where data sets fetched by Nabi are kept: <c>~/.cache/nabi</c> (or <c>$XDG_CACHE_HOME/nabi</c>).</summary>
    public static string CacheFolder => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "nabi");

    /// <summary>The known data sets, each with the place it was found at.</summary>
    public static IReadOnlyList<KnownDataSet> List() => [.. Known.Select(e => new KnownDataSet(e.Name, e.Description, Locate(e), e.HowToGet))];

    /// <summary>Is it there? Nothing is read.</summary>
    public static bool IsAvailable(string name) => Array.Find(Known, e => e.Name == name) is { } entry && Locate(entry) is not null;

    /// <summary>
    /// Reads a data set by name, or from a path: a CSV file, an .npz archive, a CIFAR .bin file or container, a folder of IDX, CIFAR, .npy files, or
    /// a folder with a folder of PNG, JPEG or BMP pictures per class. What has no test split is split 80 to 20, the same way every time.
    /// </summary>
    /// <exception cref="NabiException">It is nowhere (the message says where it was looked for and how to get it), or damaged.</exception>
    public static DataSplits Find(string nameOrPath)
    {
        if (Array.Find(Known, e => e.Name.Equals(nameOrPath, StringComparison.OrdinalIgnoreCase)) is { } entry)
        {
            var searched = new List<string>();
            foreach (var folder in Candidates(entry))
            {
                searched.Add(folder);
                if ((Directory.Exists(folder) || entry.Folders.Length == 0) && entry.Read(entry.Name, folder) is { } found) return found;
            }
            throw new NabiException($"Data set '{entry.Name}' was not found in {string.Join(", ", searched)}; {entry.HowToGet}.");
        }
        var path = Path.GetFullPath(nameOrPath);
        var name = Path.GetFileName(path.TrimEnd(Path.DirectorySeparatorChar));
        if (Directory.Exists(path)) return ReadFolder(name, path);
        if (File.Exists(path)) return ReadFile(Path.GetFileNameWithoutExtension(DataFile.IsGzip(name) ? name[..^3] : name), path);
        throw new NabiException($"There is no data set or file '{nameOrPath}'; known data sets are {string.Join(", ", Known.Select(e => e.Name))}.");
    }

    private static DataSplits ReadFolder(string name, string folder)
    {
        try
        {
            return IdxReader.ReadFolder(name, folder, null) ?? CifarReader.ReadFolder(name, folder)
                ?? NumpyReader.ReadFolder(name, folder, TestFraction, SplitSeed) ?? ImageFolderReader.ReadFolder(name, folder, TestFraction, SplitSeed)
                ?? throw new NabiException($"Folder '{folder}' holds no data set: no IDX, CIFAR .bin or .npy files, and no folders of PNG, JPEG or BMP pictures by class.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NabiException($"Folder '{folder}' cannot be read: {e.Message}", e);
        }
    }

    private static DataSplits ReadFile(string name, string path)
    {
        var plain = DataFile.IsGzip(path) ? path[..^3] : path;
        switch (Path.GetExtension(plain).ToLowerInvariant())
        {
            case ".cjp": return CifarReader.ReadContainer(name, path);
            case ".npz": return NumpyReader.ReadArchive(name, path, TestFraction, SplitSeed);
            case ".csv" or ".data" or ".tsv" or ".txt" or ".tra": return CsvReader.Read(name, path, TestFraction, SplitSeed);
            case ".bin":
            {
                var (test, train) = CifarReader.Read(name, path).Split(TestFraction, SplitSeed);
                return new DataSplits(name, train, test, path);
            }
            default:
                throw new NabiException($"File '{path}' is no data set that can be read; give .csv, .npz, a CIFAR .bin, or a folder.");
        }
    }

    private static DataSplits? ReadCifar(string name, string folder)
    {
        var container = Path.Combine(folder, "cifar10_q75.cjp");
        return CifarReader.ReadFolder(name, folder) ?? (File.Exists(container) ? CifarReader.ReadContainer(name, container) : null);
    }

    private static string? Locate(Entry entry)
    {
        if (entry.Folders.Length == 0) return "procedural";
        return Candidates(entry).FirstOrDefault(folder => Directory.Exists(folder) && Directory.EnumerateFiles(folder).Any(f => entry.Name switch
        {
            "ic01" or "kws01" => Path.GetFileName(f).StartsWith(entry.Name + ".bin", StringComparison.Ordinal),
            "cifar10" => Path.GetFileName(f).StartsWith("data_batch_", StringComparison.Ordinal) || f.EndsWith(".cjp", StringComparison.Ordinal),
            _ => Path.GetFileName(f).StartsWith("train-images", StringComparison.Ordinal),
        }));
    }

    private static IEnumerable<string> Candidates(Entry entry)
    {
        if (entry.Folders.Length == 0) return ["procedural"];
        return Roots().SelectMany(root => entry.Folders.Select(f => Path.Combine(root, f))).Distinct(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Roots()
    {
        foreach (var folder in (Environment.GetEnvironmentVariable(FolderVariable) ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            yield return folder;
        yield return CacheFolder;
        yield return Path.GetFullPath("data");
        yield return "/usr/share/datasets";
        yield return "/usr/share/dataset";
        // Assets kept beside a checkout.
        for (var folder = new DirectoryInfo(Environment.CurrentDirectory); folder is not null; folder = folder.Parent)
        {
            var assets = Path.Combine(folder.FullName, "shared", "assets", "data");
            if (Directory.Exists(assets)) yield return assets;
        }
    }
}
