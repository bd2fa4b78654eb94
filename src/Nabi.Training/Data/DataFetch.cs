using System.Diagnostics;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Nabi.Training.Data;

/// <summary>What came of fetching a data set.</summary>
/// <param name="IsAvailable">Can it be found now?</param>
/// <param name="Message">One sentence: where it is, or why it could not be had.</param>
public sealed record FetchResult(bool IsAvailable, string Message);

/// <summary>
/// Gets data sets that may be missing: from the Debian package where that can be installed, otherwise from where they are published, with their checksums
/// verified. Whether to go on with another set when this fails is the caller's decision.
/// </summary>
public sealed class DataFetch
{
    /// <summary>A file to download, with the SHA-256 of what it unpacks to: a repacked copy is as good.</summary>
    internal sealed record RemoteFile(string Name, string Sha256);

    /// <summary>A data set that can be fetched.</summary>
    internal sealed record Recipe(string Package, string[] Addresses, RemoteFile[] Files);

    /// <summary>Runs a program; gives its exit code, or null when it cannot be run or does not end in time.</summary>
    internal delegate int? CommandRunner(string program, string[] arguments, CancellationToken cancellation);

    private const long MaxDownload = 64_000_000;

    private static readonly TimeSpan CommandTime = TimeSpan.FromMinutes(3);

    private static readonly Dictionary<string, Recipe> Recipes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["fashion-mnist"] = new("dataset-fashion-mnist",
            ["https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
            [
                new("train-images-idx3-ubyte.gz", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
                new("train-labels-idx1-ubyte.gz", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
                new("t10k-images-idx3-ubyte.gz", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
                new("t10k-labels-idx1-ubyte.gz", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
            ]),
    };

    private readonly HttpMessageHandler _network;
    private readonly CommandRunner _runner;
    private readonly bool _mayInstall;

    /// <summary>Fetches over the network given, with the package manager when this process may install.</summary>
    public DataFetch(HttpMessageHandler? network = null)
        : this(network ?? new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(10) }, Run, Environment.IsPrivilegedProcess && File.Exists("/usr/bin/apt-get"))
    {
    }

    internal DataFetch(HttpMessageHandler network, CommandRunner runner, bool mayInstall) => (_network, _runner, _mayInstall) = (network, runner, mayInstall);

    /// <summary>Names that can be fetched.</summary>
    public static IReadOnlyCollection<string> Names => Recipes.Keys;

    /// <summary>Makes a data set available, if it is not yet.</summary>
    /// <param name="name">A name of <see cref="Names"/>; others are only looked for.</param>
    /// <param name="say">Told what is done, one sentence at a time.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    public FetchResult Fetch(string name, Action<string> say, CancellationToken cancellation = default)
    {
        if (DataSets.List().FirstOrDefault(d => d.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is not { } known)
            return new FetchResult(false, $"There is no known data set '{name}'; known are {string.Join(", ", DataSets.List().Select(d => d.Name))}.");
        if (known.Location is not null) return new FetchResult(true, $"Data set '{known.Name}' is at {known.Location}.");
        if (!Recipes.TryGetValue(name, out var recipe)) return new FetchResult(false, $"Data set '{known.Name}' cannot be fetched by itself: {known.HowToGet}.");
        if (_mayInstall)
        {
            say($"Data set '{known.Name}' is missing: installing the Debian package {recipe.Package}.");
            if (Install(recipe.Package, cancellation) && DataSets.IsAvailable(known.Name)) return new FetchResult(true, $"Installed {recipe.Package}.");
            say($"The package {recipe.Package} could not be installed.");
        }
        return Download(known.Name, recipe, Path.Combine(DataSets.CacheFolder, known.Name), say, cancellation);
    }

    internal FetchResult Download(string name, Recipe recipe, string folder, Action<string> say, CancellationToken cancellation)
    {
        var reasons = new List<string>();
        using var client = new HttpClient(_network, disposeHandler: false) { Timeout = TimeSpan.FromMinutes(5) };
        foreach (var address in recipe.Addresses)
        {
            say($"Downloading '{name}' from {address}.");
            try
            {
                Directory.CreateDirectory(folder);
                foreach (var file in recipe.Files) DownloadFile(client, address, file, folder, cancellation);
                return new FetchResult(true, $"Downloaded '{name}' to {folder}.");
            }
            catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or NabiException or TaskCanceledException)
            {
                cancellation.ThrowIfCancellationRequested();
                reasons.Add($"{new Uri(address).Host}: {e.Message.TrimEnd('.')}");
            }
        }
        return new FetchResult(false, $"Data set '{name}' could not be downloaded ({string.Join("; ", reasons)}).");
    }

    private static void DownloadFile(HttpClient client, string address, RemoteFile file, string folder, CancellationToken cancellation)
    {
        var path = Path.Combine(folder, file.Name);
        if (File.Exists(path)) return;
        using var request = new HttpRequestMessage(HttpMethod.Get, address + file.Name);
        using var response = client.Send(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        response.EnsureSuccessStatusCode();
        using var stream = response.Content.ReadAsStream(cancellation);
        var packed = DataFile.ReadBounded(stream, MaxDownload, file.Name);
        if (Hash(packed, file.Name) is var hash && hash != file.Sha256)
            throw new NabiException($"{file.Name} has the checksum {hash} instead of {file.Sha256}.");
        AtomicFile.Write(path, file => file.Write(packed));
    }

    private static string Hash(byte[] packed, string name)
    {
        try
        {
            using var unpacked = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
            return Convert.ToHexStringLower(SHA256.HashData(DataFile.ReadBounded(unpacked, DataFile.MaxBytes, name)));
        }
        catch (InvalidDataException e)
        {
            throw new NabiException($"{name} is not a packed file.", e);
        }
    }

    // A fresh machine knows no packages before the lists are fetched.
    private bool Install(string package, CancellationToken cancellation)
    {
        string[] install = ["install", "-y", "--no-install-recommends", package];
        if (_runner("apt-get", install, cancellation) == 0) return true;
        return _runner("apt-get", ["update"], cancellation) == 0 && _runner("apt-get", install, cancellation) == 0;
    }

    private static int? Run(string program, string[] arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(CommandTime);
        try
        {
            using var process = Process.Start(start);
            if (process is null) return null;
            // What it prints is of no interest, but a full pipe would stop it.
            process.OutputDataReceived += static (_, _) => { };
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            using var stop = limit.Token.Register(() => process.Kill(entireProcessTree: true));
            process.WaitForExit();
            cancellation.ThrowIfCancellationRequested();
            return limit.IsCancellationRequested ? null : process.ExitCode;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return null;
        }
    }
}
