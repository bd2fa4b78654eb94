using System.Net;
using System.Text;

namespace Nabi.Compression.Reports;

/// <summary>
/// A scatter or line plot as inline SVG. Colours are the CSS variables <c>--series-1</c> ... <c>--series-6</c>, <c>--ink</c> and <c>--rule</c> of
/// the page, so that it follows the light and the dark theme and prints.
/// </summary>
public static class SvgPlot
{
    private const int Width = 640, Height = 360, Left = 66, Right = 16, Top = 34, Bottom = 48;
    private const int Palette = 6;

    /// <summary>Draws the plot.</summary>
    /// <param name="x">Horizontal axis.</param>
    /// <param name="y">Vertical axis.</param>
    /// <param name="series">What is drawn, in order; later ones lie on top.</param>
    /// <param name="title">Read aloud by screen readers.</param>
    public static string Draw(PlotAxis x, PlotAxis y, IReadOnlyList<PlotSeries> series, string title)
    {
        var across = x.Over(series.SelectMany(s => s.Points).Select(p => p.X));
        var up = y.Over(series.SelectMany(s => s.Points).Select(p => p.Y));
        var svg = new StringBuilder();
        svg.Append($"<svg class=\"plot\" viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Escape(title)}\">");
        Grid(svg, across, up);
        for (var i = 0; i < series.Count; i++) Series(svg, series[i], i % Palette + 1, across, up);
        Legend(svg, series);
        return svg.Append("</svg>").ToString();
    }

    private static void Grid(StringBuilder svg, PlotScale across, PlotScale up)
    {
        foreach (var tick in up.Ticks())
        {
            var at = Y(up, tick);
            svg.Append($"<line class=\"rule\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{at:0.#}\" y2=\"{at:0.#}\"/>");
            svg.Append($"<text x=\"{Left - 8}\" y=\"{at + 4:0.#}\" text-anchor=\"end\">{Escape(up.Axis.Format(tick))}</text>");
        }
        foreach (var tick in across.Ticks())
        {
            var at = X(across, tick);
            svg.Append($"<line class=\"rule\" x1=\"{at:0.#}\" x2=\"{at:0.#}\" y1=\"{Top}\" y2=\"{Height - Bottom}\"/>");
            svg.Append($"<text x=\"{at:0.#}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">{Escape(across.Axis.Format(tick))}</text>");
        }
        svg.Append($"<text class=\"axis\" x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 8}\" text-anchor=\"middle\">{Escape(across.Axis.Label)}</text>");
        var middle = (Top + Height - Bottom) / 2;
        svg.Append($"<text class=\"axis\" transform=\"translate(14 {middle}) rotate(-90)\" text-anchor=\"middle\">{Escape(up.Axis.Label)}</text>");
    }

    private static void Series(StringBuilder svg, PlotSeries series, int colour, PlotScale across, PlotScale up)
    {
        var visible = series.Points.Where(p => double.IsFinite(across.Share(p.X)) && double.IsFinite(up.Share(p.Y))).ToArray();
        if (series.HasLine && visible.Length > 1)
            svg.Append($"<polyline class=\"line s{colour}\" points=\"{string.Join(' ', visible.Select(p => $"{X(across, p.X):0.#},{Y(up, p.Y):0.#}"))}\"/>");
        foreach (var p in visible)
        {
            var (atX, atY) = (X(across, p.X), Y(up, p.Y));
            if (series.HasMarks)
                svg.Append($"<circle class=\"mark s{colour}\" cx=\"{atX:0.#}\" cy=\"{atY:0.#}\" r=\"5\"><title>{Escape(p.Label)}</title></circle>");
            if (series.HasLabels && p.Label.Length > 0)
            {
                var isRight = atX > Width * 0.7;
                svg.Append($"<text class=\"label\" x=\"{atX + (isRight ? -9 : 9):0.#}\" y=\"{atY + 4:0.#}\" text-anchor=\"{(isRight ? "end" : "start")}\">{Escape(p.Label)}</text>");
            }
        }
    }

    // Above the plot, where no point can lie.
    private static void Legend(StringBuilder svg, IReadOnlyList<PlotSeries> series)
    {
        if (series.Count < 2) return;
        var at = Left;
        for (var i = 0; i < series.Count; i++)
        {
            svg.Append($"<circle class=\"mark s{i % Palette + 1}\" cx=\"{at + 6}\" cy=\"14\" r=\"5\"/>");
            svg.Append($"<text class=\"label\" x=\"{at + 16}\" y=\"18\">{Escape(series[i].Name)}</text>");
            at += 34 + 7 * series[i].Name.Length;
        }
    }

    private static double X(PlotScale scale, double value) => Left + scale.Share(value) * (Width - Left - Right);

    private static double Y(PlotScale scale, double value) => Height - Bottom - scale.Share(value) * (Height - Top - Bottom);

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
