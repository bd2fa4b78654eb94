using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace Nabi.Cli;

/// <summary>
/// Where a command shows what it did. With <c>--json</c> one document goes to standard output and everything else to standard
/// error; otherwise tables and text go to standard output, progress to standard error.
/// </summary>
internal sealed class Screen
{
    private static readonly JsonSerializerOptions JsonOptions = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    private IAnsiConsole _console;

    /// <summary>A screen over two writers.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    /// <param name="isTerminal">Is standard error a terminal, so that a progress line may be redrawn?</param>
    /// <param name="width">Columns.</param>
    public Screen(TextWriter output, TextWriter error, bool isTerminal, int width)
    {
        (Output, Error, IsTerminal, Width) = (output, error, isTerminal, width);
        _console = ConsoleOver(output);
    }

    /// <summary>Standard output.</summary>
    public TextWriter Output { get; }

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; }

    /// <summary>May a progress line be redrawn?</summary>
    public bool IsTerminal { get; }

    /// <summary>Columns of the terminal; 160 when redirected.</summary>
    public int Width { get; }

    /// <summary>Does standard output carry one JSON document and nothing else?</summary>
    public bool IsJson { get; private set; }

    /// <summary>The process's own console.</summary>
    public static Screen OfConsole()
    {
        Console.OutputEncoding = System.Text.Encoding.UTF8;
        var width = Console.IsOutputRedirected ? 160 : Math.Max(40, Console.WindowWidth);
        return new Screen(Console.Out, Console.Error, !Console.IsErrorRedirected, width);
    }

    /// <summary>From now on standard output carries JSON.</summary>
    public void UseJson()
    {
        IsJson = true;
        _console = ConsoleOver(Error);
    }

    /// <summary>A line of text for people.</summary>
    public void Say(string text = "") => (IsJson ? Error : Output).WriteLine(text);

    /// <summary>A line that is not a result: what is being done, what was written where.</summary>
    public void Note(string text) => Error.WriteLine(text);

    /// <summary>A table for people; nothing with <c>--json</c>. Where the terminal is too narrow for it, one paragraph per row.</summary>
    /// <param name="title">The line above, or null.</param>
    /// <param name="headers">Column headers; a leading <c>&gt;</c> aligns the column to the right.</param>
    /// <param name="rows">The cells.</param>
    public void Table(string? title, IReadOnlyList<string> headers, IEnumerable<IReadOnlyList<string>> rows)
    {
        if (IsJson) return;
        if (title is not null) Say(title);
        var cells = rows.ToArray();
        var width = headers.Select((h, i) => cells.Select(r => r[i].Length).Append(h.TrimStart('>').Length).Max() + 3).Sum();
        if (width > Width) Paragraphs(headers, cells);
        else Columns(headers, cells);
    }

    private void Columns(IReadOnlyList<string> headers, IReadOnlyList<string>[] rows)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var header in headers)
        {
            var isRight = header.StartsWith('>');
            var column = new TableColumn(Markup.Escape(isRight ? header[1..] : header)).NoWrap();
            table.AddColumn(isRight ? column.RightAligned() : column);
        }
        foreach (var row in rows) table.AddRow([.. row.Select(Markup.Escape)]);
        _console.Write(table);
    }

    private void Paragraphs(IReadOnlyList<string> headers, IReadOnlyList<string>[] rows)
    {
        foreach (var row in rows)
        {
            Say(row[0]);
            var line = "";
            for (var i = 1; i < row.Count; i++)
            {
                if (row[i].Trim().Length == 0) continue;
                var item = $"{headers[i].TrimStart('>')} {row[i].Trim()}";
                if (line.Length > 0 && line.Length + item.Length + 5 > Width)
                {
                    Say($"   {line}");
                    line = "";
                }
                line += line.Length == 0 ? item : $", {item}";
            }
            if (line.Length > 0) Say($"   {line}");
        }
        Say();
    }

    /// <summary>The machine-readable result; nothing without <c>--json</c>.</summary>
    public void Document(object document)
    {
        if (IsJson) Output.WriteLine(JsonSerializer.Serialize(document, JsonOptions));
    }

    private IAnsiConsole ConsoleOver(TextWriter writer)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = Width;
        return console;
    }
}
