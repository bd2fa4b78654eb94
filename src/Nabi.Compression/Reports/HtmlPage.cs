using System.Net;
using System.Text;

namespace Nabi.Compression.Reports;

/// <summary>
/// A self-contained HTML page: no script, no outside file, light and dark by the reader's setting, printable. Text is escaped;
/// only <see cref="Raw"/> takes markup.
/// </summary>
public sealed class HtmlPage
{
    private const string Style = """
        :root{--paper:#fff;--ink:#1b1f24;--soft:#5b6570;--rule:#e3e7eb;--band:#f6f8fa;--good:#1a7f37;--bad:#b42318;
        --series-1:#2563a8;--series-2:#c2571a;--series-3:#2e8b57;--series-4:#8a4fa3;--series-5:#a58a12;--series-6:#4c5a67}
        @media (prefers-color-scheme:dark){:root{--paper:#14181c;--ink:#e6eaee;--soft:#9aa5b0;--rule:#2b333b;--band:#1c2228;--good:#56c271;--bad:#ff8a7a;
        --series-1:#6aa9ee;--series-2:#f0965c;--series-3:#6fcf97;--series-4:#c79be0;--series-5:#dcc35a;--series-6:#a9b6c2}}
        *{box-sizing:border-box}body{margin:0 auto;max-width:1280px;padding:32px 24px 64px;background:var(--paper);color:var(--ink);
        font:15px/1.5 system-ui,-apple-system,"Segoe UI","Noto Sans","Noto Sans KR",sans-serif}
        h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:36px 0 10px}p{margin:6px 0 12px}.soft{color:var(--soft)}
        .scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
        th,td{padding:5px 8px;text-align:left;border-bottom:1px solid var(--rule);white-space:nowrap}th{color:var(--soft);font-weight:600}
        .n{text-align:right}tr.best td{background:var(--band);font-weight:600}.good{color:var(--good)}.bad{color:var(--bad)}
        .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:18px 0}
        .card{border:1px solid var(--rule);border-radius:8px;padding:12px 14px}.card b{display:block;font-size:22px}.card span{color:var(--soft);font-size:13px}
        .pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(430px,1fr));gap:20px}figure{margin:0}figcaption{color:var(--soft);font-size:13px}
        pre{background:var(--band);border:1px solid var(--rule);border-radius:8px;padding:12px;overflow-x:auto;font-size:13px}
        code{font-family:ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace}
        svg.plot{width:100%;height:auto}svg text{font-size:12px;fill:var(--soft)}svg .axis{font-size:13px}svg .label{fill:var(--ink)}
        svg .rule{stroke:var(--rule);stroke-width:1}svg .line{fill:none;stroke-width:2}svg .mark{stroke:var(--paper);stroke-width:1.5}
        svg .mark.s1{fill:var(--series-1)}svg .mark.s2{fill:var(--series-2)}svg .mark.s3{fill:var(--series-3)}
        svg .mark.s4{fill:var(--series-4)}svg .mark.s5{fill:var(--series-5)}svg .mark.s6{fill:var(--series-6)}
        svg .line.s1{stroke:var(--series-1)}svg .line.s2{stroke:var(--series-2)}svg .line.s3{stroke:var(--series-3)}
        svg .line.s4{stroke:var(--series-4)}svg .line.s5{stroke:var(--series-5)}svg .line.s6{stroke:var(--series-6)}
        @media print{body{max-width:none;padding:0}h2,figure,tr{break-inside:avoid}:root{--paper:#fff;--ink:#000;--soft:#444;--rule:#bbb;--band:#eee}}
        """;

    private readonly StringBuilder _body = new();
    private readonly string _title;

    /// <summary>Starts a page with its heading.</summary>
    public HtmlPage(string title)
    {
        _title = title;
        _body.Append("<h1>").Append(Escape(title)).Append("</h1>\n");
    }

    /// <summary>A heading.</summary>
    public HtmlPage Heading(string text) => Raw($"<h2>{Escape(text)}</h2>\n");

    /// <summary>A paragraph; <paramref name="isSoft"/> for remarks.</summary>
    public HtmlPage Paragraph(string text, bool isSoft = false) => Raw($"<p{(isSoft ? " class=\"soft\"" : "")}>{Escape(text)}</p>\n");

    /// <summary>Text as it is, in a fixed-width face.</summary>
    public HtmlPage Code(string text) => Raw($"<pre><code>{Escape(text)}</code></pre>\n");

    /// <summary>A row of figures, each with its caption.</summary>
    public HtmlPage Cards(IEnumerable<(string Figure, string Caption)> cards)
    {
        Raw("<div class=\"cards\">");
        foreach (var (figure, caption) in cards) Raw($"<div class=\"card\"><b>{Escape(figure)}</b><span>{Escape(caption)}</span></div>");
        return Raw("</div>\n");
    }

    /// <summary>A table. A leading <c>&gt;</c> in a header aligns the column to the right; <paramref name="best"/> marks one row.</summary>
    public HtmlPage Table(IReadOnlyList<string> headers, IEnumerable<IReadOnlyList<string>> rows, int best = -1)
    {
        var isNumber = headers.Select(h => h.StartsWith('>')).ToArray();
        Raw("<div class=\"scroll\"><table><thead><tr>");
        for (var i = 0; i < headers.Count; i++) Raw($"<th{(isNumber[i] ? " class=\"n\"" : "")}>{Escape(headers[i].TrimStart('>'))}</th>");
        Raw("</tr></thead><tbody>\n");
        var index = 0;
        foreach (var row in rows)
        {
            Raw(index++ == best ? "<tr class=\"best\">" : "<tr>");
            for (var i = 0; i < row.Count; i++) Raw($"<td{(isNumber[i] ? " class=\"n\"" : "")}>{Escape(row[i])}</td>");
            Raw("</tr>\n");
        }
        return Raw("</tbody></table></div>\n");
    }

    /// <summary>Plots side by side where the page is wide enough, each with its caption.</summary>
    public HtmlPage Figures(params IEnumerable<(string Svg, string Caption)> figures)
    {
        Raw("<div class=\"pair\">");
        foreach (var (svg, caption) in figures) Raw($"<figure>{svg}<figcaption>{Escape(caption)}</figcaption></figure>");
        return Raw("</div>\n");
    }

    /// <summary>Markup as it is: the caller has escaped it.</summary>
    public HtmlPage Raw(string markup)
    {
        _body.Append(markup);
        return this;
    }

    /// <summary>The whole page.</summary>
    public override string ToString() => $"""
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
        <meta name="color-scheme" content="light dark"><title>{Escape(_title)}</title><style>{Style}</style></head>
        <body>
        {_body}</body></html>

        """;

    /// <summary>Writes the page.</summary>
    /// <exception cref="NabiException">The file cannot be written.</exception>
    public void Save(string path) => AtomicFile.Write(path, file => file.Write(Encoding.UTF8.GetBytes(ToString())));

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
