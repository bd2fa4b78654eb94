using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Nabi.Runtime.Emit;
using Nabi.Runtime.Kernels;

namespace Nabi.Runtime.Tests.Kernels;

/// <summary>Runs the tests of kernels and plans again in processes in which the wider instructions are switched off.</summary>
public sealed class WidthTests
{
    /// <summary>Set in the child to the width it must see; its presence also ends the recursion.</summary>
    private const string Expected = "NABI_EXPECTED_LANES";

    [Fact]
    public void ChildSeesTheWidthItWasAskedFor()
    {
        if (Environment.GetEnvironmentVariable(Expected) is { } lanes)
            Assert.Equal(int.Parse(lanes, CultureInfo.InvariantCulture), Simd.Lanes);
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512", 8)]
    [InlineData("DOTNET_EnableAVX2", 4)]
    [InlineData("DOTNET_EnableHWIntrinsic", 1)]
    public async Task KernelTestsPassAtNarrowerWidths(string off, int lanes)
    {
        if (Simd.Lanes > lanes)
            await RunAgain(off, lanes, "Runtime.Tests.Kernels|FullyQualifiedName~Runtime.Tests.Planning");
    }

    [Fact]
    public Task IntegerTestsPassWithoutEmittedCode() => RunAgain(ByteTiles.Switch, Simd.Lanes, "Quantized");

    private static async Task RunAgain(string off, int lanes, string tests)
    {
        if (Environment.GetEnvironmentVariable(Expected) is not null || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            return;
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { "vstest", typeof(WidthTests).Assembly.Location, $"--TestCaseFilter:FullyQualifiedName~{tests}" },
            Environment = { [off] = "0", [Expected] = lanes.ToString(CultureInfo.InvariantCulture) },
        };
        using var child = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var errors = child.StandardError.ReadToEndAsync(limit.Token);
        var output = await child.StandardOutput.ReadToEndAsync(limit.Token);
        await child.WaitForExitAsync(limit.Token);
        Assert.True(child.ExitCode == 0, output + await errors);
        Assert.Contains("Passed:", output, StringComparison.Ordinal);
    }
}
