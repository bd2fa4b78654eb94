using System.Diagnostics;
using System.Formats.Tar;
using System.Text.Json;
using Nabi.TestSuite;

namespace Nabi.Formats.Tests;

/// <summary>The ONNX backend tests, unpacked once per test run into a temporary folder, and what ONNX Runtime passes of them.</summary>
public sealed class BackendArchive : IDisposable
{
    private readonly string? _temporary;

    public BackendArchive()
    {
        Folder = Environment.GetEnvironmentVariable("NABI_ONNX_BACKEND_TESTS");
        if (Folder is { Length: > 0 } || Checkout.Asset("conformance/onnx_backend_tests_v1.12.0.tar.xz") is not { } archive) return;
        _temporary = Directory.CreateTempSubdirectory("nabi-onnx-").FullName;
        try
        {
            using var xz = Process.Start(new ProcessStartInfo("xz", ["-dc", archive]) { RedirectStandardOutput = true, UseShellExecute = false })!;
            TarFile.ExtractToDirectory(xz.StandardOutput.BaseStream, _temporary, overwriteFiles: true);
            xz.WaitForExit();
            Folder = _temporary;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Console.Error.WriteLine("Not checked: unpacking the ONNX backend tests needs the program xz.");
        }
    }

    /// <summary>The folder with the suites; null when they cannot be had here.</summary>
    public string? Folder { get; }

    /// <summary>The cases of a suite that ONNX Runtime passes.</summary>
    public static string[] Passing(string suite)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Checkout.Asset($"conformance/ort_baseline/ort_112_{suite}.json")!));
        return [.. json.RootElement.GetProperty("pass").EnumerateArray().Select(e => e.GetString()!)];
    }

    public void Dispose()
    {
        if (_temporary is not null) Directory.Delete(_temporary, recursive: true);
    }
}
