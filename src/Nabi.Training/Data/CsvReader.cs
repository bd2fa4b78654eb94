using System.Globalization;
using System.Text;

namespace Nabi.Training.Data;

/// <summary>
/// Comma-, semicolon- or tab-separated rows of numbers with a class in the first or last column. A first line that is not like
/// the others is a header.
/// </summary>
internal static class CsvReader
{
    public static DataSplits Read(string name, string path, double testFraction, ulong seed)
    {
        var (test, train) = ReadAll(name, path).Split(testFraction, seed);
        return new DataSplits(name, train, test, path);
    }

    public static DataSet ReadAll(string name, string path)
    {
        var rows = Rows(DataFile.ReadAll(path), path);
        var columns = rows[^1].Length;
        if (columns < 2) throw new NabiException($"File '{path}' has rows of {columns} column; features and a class are needed.");
        if (IsHeader(rows, columns)) rows.RemoveAt(0);
        for (var i = 0; i < rows.Count; i++)
            if (rows[i].Length != columns) throw new NabiException($"File '{path}', row {i + 1} has {rows[i].Length} columns; the others have {columns}.");
        var isFirst = IsLabelFirst(rows, columns);
        var labelColumn = isFirst ? 0 : columns - 1;
        var (labels, classNames) = Labels(rows, labelColumn, path);
        var features = new float[rows.Count * (columns - 1)];
        var at = 0;
        for (var i = 0; i < rows.Count; i++)
        {
            for (var c = 0; c < columns; c++)
            {
                if (c == labelColumn) continue;
                if (!TryNumber(rows[i][c], out features[at++]))
                    throw new NabiException($"File '{path}', row {i + 1}, column {c + 1} holds '{rows[i][c]}', which is not a finite number.");
            }
        }
        return DataSet.Of(name, [columns - 1], features, labels, classNames);
    }

    private static List<string[]> Rows(byte[] bytes, string path)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var first = text.AsSpan()[..Math.Min(text.Length, 10_000)];
        var separator = first.Contains('\t') ? '\t' : first.Contains(';') ? ';' : ',';
        var rows = new List<string[]>();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            rows.Add(Array.ConvertAll(line.Split(separator, StringSplitOptions.TrimEntries), field => field.Trim('"')));
        return rows.Count >= 2 ? rows : throw new NabiException($"File '{path}' has {rows.Count} rows, which are not a data set.");
    }

    // Other columns than the rest, a column that holds numbers everywhere but in the first row, or a word in a column of
    // classes that is the only one to occur once.
    private static bool IsHeader(List<string[]> rows, int columns)
    {
        if (rows[0].Length != columns) return true;
        if (rows[1].Length != columns) return false;
        for (var c = 0; c < columns; c++)
            if (!TryNumber(rows[0][c], out _) && (TryNumber(rows[1][c], out _) || IsAloneAmongClasses(rows, c))) return true;
        return false;
    }

    private static bool IsAloneAmongClasses(List<string[]> rows, int column)
    {
        if (rows.Exists(r => r.Length <= column)) return false;
        var counts = rows.Skip(1).CountBy(r => r[column], StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        return rows.Count > 10 && !counts.ContainsKey(rows[0][column]) && counts.Values.All(n => n > 1);
    }

    // A column of words is the class; otherwise the column of whole numbers with fewer different values, the last when equal.
    private static bool IsLabelFirst(List<string[]> rows, int columns)
    {
        var (first, last) = (Kinds(rows, 0), Kinds(rows, columns - 1));
        return first < last;
    }

    private static int Kinds(List<string[]> rows, int column)
    {
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        foreach (var row in rows)
        {
            if (!TryNumber(row[column], out var number)) return 0;
            if (number != MathF.Round(number)) return int.MaxValue;
            kinds.Add(row[column]);
        }
        return kinds.Count;
    }

    private static (int[] Labels, IReadOnlyList<string> Names) Labels(List<string[]> rows, int column, string path)
    {
        var names = rows.Select(r => r[column]).Distinct(StringComparer.Ordinal).ToArray();
        if (names.Length > 65536) throw new NabiException($"File '{path}' has {names.Length} different classes; this looks like a number to predict, not a class.");
        Array.Sort(names, Array.TrueForAll(names, n => TryNumber(n, out _))
            ? (a, b) => float.Parse(a, CultureInfo.InvariantCulture).CompareTo(float.Parse(b, CultureInfo.InvariantCulture))
            : string.CompareOrdinal);
        var index = names.Select((n, i) => (n, i)).ToDictionary(p => p.n, p => p.i, StringComparer.Ordinal);
        return (rows.ConvertAll(r => index[r[column]]).ToArray(), names);
    }

    private static bool TryNumber(string text, out float number) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && float.IsFinite(number);
}
