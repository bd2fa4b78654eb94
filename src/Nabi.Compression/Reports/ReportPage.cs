using System.Net;
using System.Text;
using Nabi.Compression.Search;
using Nabi.Runtime;

namespace Nabi.Compression.Reports;

/// <summary>The report of a compression as one self-contained page.</summary>
public static class ReportPage
{
    /// <summary>Writes the page.</summary>
    /// <param name="report">What was found.</param>
    /// <param name="facts">The rest.</param>
    public static HtmlPage Of(CompressionReport report, ReportFacts facts)
    {
        var shown = report.Variants.FirstOrDefault(v => v.Name == (report.Recommended ?? report.Closest)) ?? report.Baseline;
        var page = new HtmlPage($"{report.Title}: compression report").Paragraph(Headline(report, shown, facts));
        page.Cards(Cards(report.Baseline, shown, facts));
        page.Heading("Variants");
        VariantTable(page, report, shown, facts);
        page.Heading("What accuracy costs");
        page.Figures(Pareto(report, shown));
        Curves(page, shown, facts);
        Layers(page, report, shown, facts.Profile);
        if (facts.Diagnosis is { } diagnosis)
        {
            page.Heading("Where accuracy is lost");
            DiagnosisSection.AddTo(page, diagnosis);
        }
        Confusion(page, report, shown);
        Making(page, report, shown, facts);
        return page;
    }

    private static string Headline(CompressionReport report, Variant shown, ReportFacts facts)
    {
        if (shown.Name == report.Baseline.Name) return "No variant was finished; the page shows the original.";
        var change = $"{shown.Name} is {Ratio(facts.OriginalOnnxBytes, shown.Bytes)} smaller than the original's ONNX file, needs {Ratio(report.Baseline.Macs, shown.Macs)} fewer "
            + $"multiply-accumulates and runs {Ratio(report.Baseline.P50Ms, shown.P50Ms)} faster; accuracy goes from {Percent(report.Baseline.Accuracy)} to {Percent(shown.Accuracy)}.";
        return report.Recommended is not null ? change : $"No variant met the budget. The closest: {change}";
    }

    private static IEnumerable<(string, string)> Cards(Variant baseline, Variant shown, ReportFacts facts) =>
    [
        (Percent(shown.Accuracy), $"accuracy, {Points(shown.Accuracy - baseline.Accuracy)} against the original"),
        (Bytes(shown.Bytes), $"on disk, {Ratio(facts.OriginalOnnxBytes, shown.Bytes)} smaller than {Bytes(facts.OriginalOnnxBytes)}"),
        (Count(shown.Macs), $"multiply-accumulates, {Ratio(baseline.Macs, shown.Macs)} fewer"),
        ($"{shown.P50Ms:0.000} ms", $"median latency, {Ratio(baseline.P50Ms, shown.P50Ms)} faster on {shown.Threads} thread{(shown.Threads == 1 ? "" : "s")}"),
    ];

    private static void VariantTable(HtmlPage page, CompressionReport report, Variant shown, ReportFacts facts)
    {
        string[] headers = ["variant", ">accuracy", ">change", ">same as original", ">loss", ">bytes", ">smaller", ">parameters", ">MACs", ">fewer", ">p50 ms", ">p95 ms", ">faster", "front", "budget"];
        var baseline = report.Baseline;
        var rows = report.Variants.Select(v => (IReadOnlyList<string>)
        [
            v.Name, Percent(v.Accuracy), v.Name == baseline.Name ? "" : Points(v.Accuracy - baseline.Accuracy), Percent(v.Agreement), $"{v.Loss:0.0000}",
            Bytes(v.Bytes), Ratio(facts.OriginalOnnxBytes, v.Bytes), Count(v.Parameters), Count(v.Macs), Ratio(baseline.Macs, v.Macs),
            $"{v.P50Ms:0.000}", $"{v.P95Ms:0.000}", Ratio(baseline.P50Ms, v.P50Ms), v.IsOnFront ? "yes" : "", v.MeetsBudget ? "met" : "",
        ]).ToArray();
        page.Table(headers, rows, best: report.Variants.ToList().FindIndex(v => v.Name == shown.Name));
        page.Paragraph($"Accuracy on {report.Data}, of the file as written. Bytes are those of the .nabi file; \"smaller\" compares with the original's ONNX file in 32-bit floats "
            + $"({Bytes(facts.OriginalOnnxBytes)}). Latency: one sample, {shown.Threads} thread{(shown.Threads == 1 ? "" : "s")}, {report.Machine.Processor}.", isSoft: true);
        foreach (var failure in report.Failures) page.Paragraph(failure, isSoft: true);
    }

    private static IEnumerable<(string, string)> Pareto(CompressionReport report, Variant shown)
    {
        var accuracy = new PlotAxis("accuracy, %") { Format = v => $"{v:0.00}" };
        (string, PlotAxis, Func<Variant, double>)[] views =
        [
            ("Accuracy against bytes on disk", new PlotAxis("kB on disk") { IsLogarithmic = true }, v => v.Bytes / 1e3),
            ("Accuracy against median latency", new PlotAxis("ms for one sample") { IsLogarithmic = true }, v => v.P50Ms),
        ];
        foreach (var (title, axis, of) in views)
        {
            var front = report.Variants.Where(v => v.IsOnFront).OrderBy(of).ToArray();
            PlotSeries[] series =
            [
                new("all variants", [.. report.Variants.Except(front).Select(Point)]),
                new("Pareto front", [.. front.Select(Point)]) { HasLine = true, HasLabels = true },
                new("shown here", [Point(shown)]),
            ];
            yield return (SvgPlot.Draw(axis, accuracy, series, title), title);

            PlotPoint Point(Variant v) => new(of(v), v.Accuracy * 100, v.Name);
        }
    }

    private static void Curves(HtmlPage page, Variant shown, ReportFacts facts)
    {
        var trainings = new[] { ("original", facts.BaselineTraining) }.Concat(shown.Curves.Select((c, i) => ($"fine-tuning {i + 1}", c)))
            .Where(t => t.Item2.Count > 0).ToArray();
        if (trainings.Length == 0) return;
        page.Heading("Training");
        var epoch = new PlotAxis("epoch") { IsWhole = true };
        var loss = new PlotAxis("training loss");
        var accuracy = new PlotAxis("training accuracy, %");
        page.Figures(
        [
            (SvgPlot.Draw(epoch, loss, [.. trainings.Select(t => Line(t.Item1, t.Item2.Select(e => (e.Epoch, e.Loss))))], "loss by epoch"), "Loss by epoch, with all its terms (distillation included)"),
            (SvgPlot.Draw(epoch, accuracy, [.. trainings.Select(t => Line(t.Item1, t.Item2.Select(e => (e.Epoch, e.Accuracy * 100))))], "accuracy by epoch"), "Accuracy on the training batches while they were learned"),
        ]);

        static PlotSeries Line(string name, IEnumerable<(int Epoch, double Value)> points) =>
            new(name, [.. points.Select(p => new PlotPoint(p.Epoch, p.Value, $"{name}, epoch {p.Epoch}: {p.Value:0.###}"))]) { HasLine = true };
    }

    private static void Layers(HtmlPage page, CompressionReport report, Variant shown, SessionProfile? profile)
    {
        if (report.Layers.Count == 0) return;
        page.Heading($"Layer by layer: the original and {shown.Name}");
        var times = new Dictionary<string, StepProfile>(StringComparer.Ordinal);
        foreach (var step in profile?.Steps ?? [])
            foreach (var name in step.Step.Name.Split('+')) times.TryAdd(name, step);
        var rows = report.Layers.Where(l => l.After is not null || l.Before!.Macs > 0).Select(l => (IReadOnlyList<string>)
        [
            l.Name, (l.After ?? l.Before)!.Op, l.Before?.Output.ToString() ?? "", l.After?.Output.ToString() ?? (l.Before is null ? "" : "gone"),
            Change(l, r => r.Macs), Change(l, r => r.Parameters), Change(l, r => r.Bytes),
            l.After?.Sqnr is { } sqnr ? $"{sqnr:0.0}" : l.After?.KeptInFloat ?? "",
            times.TryGetValue(l.Name, out var time) ? $"{time.Median.TotalMicroseconds:0.0}" : "", time?.Step.Kernel ?? "",
        ]);
        page.Table(["layer", "operator", "output before", "after", ">MACs", ">parameters", ">bytes", ">SQNR dB", ">us", "kernel"], rows);
        page.Paragraph("SQNR: signal against quantization noise of the layer's output, with all quantization before it; below about 15 dB a layer deserves a look. "
            + "Times are medians of the step of the plan that the layer was fused into, on one thread.", isSoft: true);

        static string Change(LayerComparison l, Func<LayerRow, long> of) => (l.Before, l.After) switch
        {
            ({ } before, { } after) when of(before) != of(after) => $"{Count(of(before))} \u2192 {Count(of(after))}",
            ({ } before, null) => $"{Count(of(before))} \u2192 0",
            var (before, after) => Count(of((after ?? before)!)),
        };
    }

    private static void Confusion(HtmlPage page, CompressionReport report, Variant shown)
    {
        var (names, difference) = (report.ClassNames, report.ConfusionDifference);
        if (ReferenceEquals(report.Baseline, shown) || difference.Count is 0 or > 32) return;
        page.Heading("Which classes changed");
        page.Paragraph($"{shown.Name} minus original: samples of the class in the row that are called the class in the column. On the diagonal more is better, elsewhere less.", isSoft: true);
        var markup = new StringBuilder("<div class=\"scroll\"><table><thead><tr><th></th>");
        for (var c = 0; c < difference.Count; c++) markup.Append($"<th class=\"n\">{Name(c)}</th>");
        markup.Append("</tr></thead><tbody>");
        for (var r = 0; r < difference.Count; r++)
        {
            markup.Append($"<tr><th>{Name(r)}</th>");
            for (var c = 0; c < difference[r].Count; c++)
            {
                var n = difference[r][c];
                var isGood = r == c ? n > 0 : n < 0;
                markup.Append(n == 0 ? "<td class=\"n\"></td>" : $"<td class=\"n {(isGood ? "good" : "bad")}\">{n:+0;-0}</td>");
            }
            markup.Append("</tr>");
        }
        page.Raw(markup.Append("</tbody></table></div>\n").ToString());

        string Name(int c) => WebUtility.HtmlEncode(c < names.Count ? names[c] : $"{c}");
    }

    private static void Making(HtmlPage page, CompressionReport report, Variant shown, ReportFacts facts)
    {
        page.Heading("How it was made");
        if (shown.Recipe.Length > 0) page.Code(shown.Recipe.TrimEnd());
        foreach (var note in shown.Notes) page.Paragraph(note);
        page.Table(["what", "value"],
        [
            ["command", facts.Command], ["data", report.Data], ["largest drop allowed", report.MaxDrop is { } drop ? $"{drop * 100:0.##} points" : "none given"],
            ["seed", $"{report.Seed}"], ["processor", $"{report.Machine.Processor}, {report.Machine.Processors} logical"],
            ["system", $"{report.Machine.System}, {report.Machine.Framework}"], ["time", $"{report.Created:yyyy-MM-dd HH:mm} UTC, {report.Seconds:0} s of work"],
        ]);
        page.Table(["file", "SHA-256"], report.Variants.Select(v => (IReadOnlyList<string>)[Path.GetFileName(v.Path), v.Sha256]));
    }

    private static string Percent(double share) => $"{share * 100:0.00} %";

    private static string Points(double difference) => $"{difference * 100:+0.00;-0.00;0.00} points";

    private static string Ratio(double before, double after) => after > 0 ? $"{before / after:0.0}x" : "";

    private static string Bytes(long bytes) => bytes >= 1_000_000 ? $"{bytes / 1e6:0.00} MB" : $"{bytes / 1e3:0.0} kB";

    private static string Count(long count) => count >= 1_000_000 ? $"{count / 1e6:0.00} M" : count >= 1000 ? $"{count / 1e3:0.0} k" : $"{count}";
}
