namespace Nabi.Cli.Commands;

/// <summary>How numbers are written for people.</summary>
internal static class Format
{
    /// <summary>For example <c>1.09 MB</c>; powers of 1000.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        >= 1_000_000_000 => $"{bytes / 1e9:0.00} GB",
        >= 1_000_000 => $"{bytes / 1e6:0.00} MB",
        >= 1_000 => $"{bytes / 1e3:0.0} kB",
        _ => $"{bytes} B",
    };

    /// <summary>For example <c>40.8 M</c>.</summary>
    public static string Count(long count) => count switch
    {
        >= 1_000_000_000 => $"{count / 1e9:0.00} G",
        >= 1_000_000 => $"{count / 1e6:0.00} M",
        >= 10_000 => $"{count / 1e3:0.0} k",
        _ => $"{count}",
    };

    /// <summary>A share with two decimals: <c>91.42 %</c>.</summary>
    public static string Percent(double share) => $"{share * 100:0.00} %";

    /// <summary>How many times smaller: <c>12.3x</c>.</summary>
    public static string Times(double ratio) => double.IsFinite(ratio) ? $"{ratio:0.0}x" : "-";

    /// <summary>Milliseconds with three digits that mean something.</summary>
    public static string Milliseconds(double ms) => ms >= 100 ? $"{ms:0} ms" : ms >= 1 ? $"{ms:0.00} ms" : $"{ms * 1000:0} us";
}
