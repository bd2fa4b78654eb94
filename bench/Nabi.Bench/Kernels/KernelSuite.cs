using System.IO.Enumeration;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Nabi.Runtime;
using Nabi.Runtime.Kernels;
using Perfolizer.Horology;

namespace Nabi.Bench.Kernels;

/// <summary>Every kernel by BenchmarkDotNet, in this process: time, operations per second, share of what the core can do at most.</summary>
internal static class KernelSuite
{
    /// <summary>The cases that were asked for.</summary>
    public static IReadOnlyList<KernelCase> Cases { get; private set; } = [];

    public static WorkPool? Pool { get; private set; }

    /// <summary>Runs the cases whose names match a pattern with * and ?, and prints a table.</summary>
    public static int Run(int threads, string pattern)
    {
        Cases = [.. KernelCases.All().Where(c => FileSystemName.MatchesSimpleExpression(pattern, c.Name))];
        if (Cases.Count == 0)
        {
            Console.Error.WriteLine($"No kernel matches '{pattern}'; the names are: {string.Join(", ", KernelCases.All())}.");
            return 1;
        }
        using var pool = Pool = new WorkPool(threads);
        var peak = CorePeak.Measure(TimeProvider.System);
        var artifacts = Directory.CreateTempSubdirectory("nabi-kernels");
        try
        {
            var summary = BenchmarkRunner.Run<KernelBenchmarks>(Configuration(c => threads * (c.IsInteger ? peak.IntegerGigaopsPerSecond ?? double.NaN : peak.GigaflopsPerSecond), artifacts.FullName));
            Console.WriteLine($"{Simd.Lanes} lanes, {threads} thread(s); peaks of one core measured: {peak.GigaflopsPerSecond:F0} GFLOP/s, {peak.IntegerGigaopsPerSecond:F0} integer GOP/s");
            MarkdownExporter.Console.ExportToLog(summary, ConsoleLogger.Default);
            return summary.HasCriticalValidationErrors ? 1 : 0;
        }
        finally
        {
            artifacts.Delete(recursive: true);
        }
    }

    private static ManualConfig Configuration(Func<KernelCase, double> peak, string artifacts) => ManualConfig.CreateEmpty()
        .AddJob(Job.Default.WithToolchain(InProcessNoEmitToolchain.Instance).WithEvaluateOverhead(false)
            .WithWarmupCount(2).WithIterationCount(9).WithIterationTime(TimeInterval.FromMilliseconds(40)))
        .AddColumnProvider(DefaultColumnProviders.Params)
        .AddColumn(StatisticColumn.Median, StatisticColumn.P95, new SpeedColumn("GOP/s", (giga, _) => $"{giga:F1}"), new SpeedColumn("of peak", (giga, c) => $"{giga / peak(c):P0}"))
        .WithSummaryStyle(SummaryStyle.Default.WithTimeUnit(TimeUnit.Microsecond).WithMaxParameterColumnWidth(80))
        .WithArtifactsPath(artifacts)
        .AddLogger(NullLogger.Instance);
}

/// <summary>What BenchmarkDotNet runs.</summary>
public class KernelBenchmarks
{
    public static IEnumerable<KernelCase> Cases => KernelSuite.Cases;

    [ParamsSource(nameof(Cases))]
    public required KernelCase Case { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        Console.Error.WriteLine(Case.Name);
        Case.Prepare(KernelSuite.Pool!);
    }

    [Benchmark]
    public void Run() => Case.Run(KernelSuite.Pool!);

    [GlobalCleanup]
    public void Clean() => Case.Dispose();
}

/// <summary>Operations per second of the median run.</summary>
internal sealed class SpeedColumn(string name, Func<double, KernelCase, string> show) : IColumn
{
    public string Id => ColumnName;

    public string ColumnName => name;

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => name;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, SummaryStyle.Default);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
        summary[benchmarkCase]?.ResultStatistics is { } times && benchmarkCase.Parameters[nameof(KernelBenchmarks.Case)] is KernelCase of
            ? show(of.Operations / times.Median, of)   // nanoseconds: operations per nanosecond are giga-operations per second
            : "-";
}
