namespace Nabi.Compression.Reports;

/// <summary>An axis of a plot: its label, its scale and how its ticks are written.</summary>
/// <param name="Label">What is shown, with the unit.</param>
public sealed record PlotAxis(string Label)
{
    /// <summary>Logarithmic, base 10? Values must then be above 0. Default linear.</summary>
    public bool IsLogarithmic { get; init; }

    /// <summary>Mark only whole numbers (epochs)? Default false.</summary>
    public bool IsWhole { get; init; }

    /// <summary>Writes a tick's value.</summary>
    public Func<double, string> Format { get; init; } = v => v.ToString("0.###");

    /// <summary>A scale over the given values, widened so that no point sits on the frame.</summary>
    internal PlotScale Over(IEnumerable<double> values)
    {
        var (low, high) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var value in values)
        {
            var at = Position(value);
            if (!double.IsFinite(at)) continue;
            (low, high) = (Math.Min(low, at), Math.Max(high, at));
        }
        if (low > high) (low, high) = (0, 1);
        var margin = high > low ? (high - low) * 0.07 : Math.Max(Math.Abs(high) * 0.1, 0.1);
        return new PlotScale(this, low - margin, high + margin);
    }

    internal double Position(double value) => IsLogarithmic ? Math.Log10(value) : value;
}

/// <summary>An axis with its range, in the axis' own positions (logarithms on a logarithmic axis).</summary>
internal sealed record PlotScale(PlotAxis Axis, double Low, double High)
{
    /// <summary>Where a value lies between the ends, 0 to 1.</summary>
    public double Share(double value) => (Axis.Position(value) - Low) / (High - Low);

    /// <summary>
    /// Round values to mark: on a logarithmic axis 1, 2 and 5 of each decade where at least three of them fall into the range, else steps of
    /// 1, 2 or 5 times a power of ten.
    /// </summary>
    public IEnumerable<double> Ticks()
    {
        if (!Axis.IsLogarithmic) return Steps(Low, High);
        var decades = Decades().ToArray();
        return decades.Length >= 3 ? decades : Steps(Math.Pow(10, Low), Math.Pow(10, High));
    }

    private IEnumerable<double> Decades()
    {
        for (var decade = (int)Math.Floor(Low); decade <= Math.Ceiling(High); decade++)
            foreach (var step in High - Low > 2.5 ? [1] : new[] { 1, 2, 5 })
                if (Math.Log10(step) + decade >= Low && Math.Log10(step) + decade <= High) yield return step * Math.Pow(10, decade);
    }

    private IEnumerable<double> Steps(double low, double high)
    {
        var rough = (high - low) / 5;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var width = rough / power is var r && r < 1.5 ? power : r < 3.5 ? 2 * power : r < 7.5 ? 5 * power : 10 * power;
        if (Axis.IsWhole) width = Math.Max(1, Math.Round(width));
        for (var n = (long)Math.Ceiling(low / width); n * width <= high; n++) yield return n * width;
    }
}
