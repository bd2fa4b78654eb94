using Nabi.Compression.Diagnosis;

namespace Nabi.Compression.Reports;

/// <summary>A diagnosis as text: for the screen, for a page of its own, and as a part of a compression's report.</summary>
public static class DiagnosisSection
{
    /// <summary>The columns of the table; a leading <c>&gt;</c> aligns right.</summary>
    public static IReadOnlyList<string> Columns { get; } = ["layer", "operator", "form", ">SQNR dB", ">input range", ">saturated", ">wasted bits", ">spread", ">shift", ">restored", ">accuracy", ">caused", ">by weight", ">by input"];

    /// <summary>A layer's row of the table.</summary>
    public static IReadOnlyList<string> Row(LayerDiagnosis layer) =>
    [
        layer.Node, layer.Op, layer.Form, layer.Sqnr is { } sqnr ? double.IsInfinity(sqnr) ? "exact" : $"{sqnr:0.0}" : "-", $"{layer.InputMin:0.##} to {layer.InputMax:0.##}",
        Share(layer.Saturation), layer.WastedBits is { } bits ? $"{bits:0.0}" : "-", $"{layer.ChannelSpread:0.0}, {layer.InputSpread:0.0}", layer.Shift is { } shift ? $"{shift:0.000}" : "-",
        Share(layer.Restored), layer.AccuracyGain is { } gain ? $"{gain * 100:+0.00;-0.00;0.00}" : "-", Share(layer.Caused), Share(layer.CausedByWeight), Share(layer.CausedByInput),
    ];

    /// <summary>The whole network in a sentence or two.</summary>
    public static string Summary(ModelDiagnosis diagnosis)
    {
        var text = $"Accuracy {diagnosis.OriginalAccuracy * 100:0.00} % to {diagnosis.CompressedAccuracy * 100:0.00} % on {diagnosis.Samples} samples, divergence {diagnosis.Divergence:0.0000} nats.";
        var culprits = diagnosis.Layers.Where(l => l.Mends.Count > 0).Take(3).ToArray();
        return culprits.Length == 0 ? $"{text} No layer alone costs enough to be changed." : $"{text} Most is lost in {string.Join(", ", culprits.Select(l => l.Blame > 0 ? $"{l.Node} ({l.Blame:P0})" : l.Node))}.";
    }

    /// <summary>The diagnosis as a page of its own.</summary>
    /// <param name="diagnosis">What was found.</param>
    /// <param name="title">The network's name.</param>
    public static HtmlPage Page(ModelDiagnosis diagnosis, string title)
    {
        var page = new HtmlPage($"{title}: diagnosis");
        AddTo(page, diagnosis);
        return page;
    }

    /// <summary>Adds summary, table and mends to a page.</summary>
    internal static void AddTo(HtmlPage page, ModelDiagnosis diagnosis)
    {
        page.Paragraph(Summary(diagnosis));
        page.Table([.. Columns], diagnosis.Layers.Select(Row));
        page.Paragraph("Restored: the part of the divergence from the original's answers that goes away when this layer alone is put back, and what accuracy gains, in points. Caused: the divergence when it alone is changed in the original, as part of the whole; by its weight and by its input's rounding. "
            + "Wasted bits: range of the rounded input against what 99.8 % of its values need. Spread: the largest channel against the median one, of the weight and of the input. Shift: of the output's mean, in standard deviations.", isSoft: true);
        var mends = diagnosis.Layers.Where(l => l.Mends.Count > 0).ToArray();
        if (mends.Length > 0) page.Table(["layer", "what to do"], mends.Select(l => (IReadOnlyList<string>)[l.Node, string.Join("; or ", l.Mends)]));
    }

    private static string Share(double? share) => share is { } s ? $"{s * 100:0.0} %" : "-";
}
