using System.Runtime.InteropServices;
using Nabi.Runtime;

namespace Nabi.Compression.Reports;

/// <summary>Where something was measured.</summary>
/// <param name="Processor">The processor's name.</param>
/// <param name="Processors">Logical processors.</param>
/// <param name="System">The operating system.</param>
/// <param name="Framework">The .NET version.</param>
public sealed record MachineInfo(string Processor, int Processors, string System, string Framework)
{
    /// <summary>This machine.</summary>
    public static MachineInfo This { get; } = new(Latency.ProcessorName, Environment.ProcessorCount, RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription);
}
