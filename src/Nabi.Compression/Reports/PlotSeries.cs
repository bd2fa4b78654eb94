namespace Nabi.Compression.Reports;

/// <summary>A point of a plot.</summary>
/// <param name="X">Horizontal value.</param>
/// <param name="Y">Vertical value.</param>
/// <param name="Label">Shown when the pointer rests on it, and beside it when the series is labelled.</param>
public readonly record struct PlotPoint(double X, double Y, string Label = "");

/// <summary>Points drawn alike.</summary>
/// <param name="Name">The name in the legend.</param>
/// <param name="Points">The points; a line joins them in this order.</param>
public sealed record PlotSeries(string Name, IReadOnlyList<PlotPoint> Points)
{
    /// <summary>Join the points with a line?</summary>
    public bool HasLine { get; init; }

    /// <summary>Draw a mark at each point?</summary>
    public bool HasMarks { get; init; } = true;

    /// <summary>Write each point's label beside it?</summary>
    public bool HasLabels { get; init; }
}
