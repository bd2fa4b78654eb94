using Nabi.Compression.Diagnosis;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Compression.Reports;

/// <summary>What a report's page says beside the compression itself.</summary>
public sealed record ReportFacts
{
    /// <summary>Bytes of the original as an ONNX file in 32-bit floats: what sizes are compared with.</summary>
    public required long OriginalOnnxBytes { get; init; }

    /// <summary>The command that made it.</summary>
    public string Command { get; init; } = "";

    /// <summary>How the original was trained, when that was part of the work.</summary>
    public IReadOnlyList<EpochRecord> BaselineTraining { get; init; } = [];

    /// <summary>Where the time of the shown variant goes, step by step; null leaves the times out.</summary>
    public SessionProfile? Profile { get; init; }

    /// <summary>Which layers of the shown variant lose accuracy; null leaves the section out.</summary>
    public ModelDiagnosis? Diagnosis { get; init; }
}
