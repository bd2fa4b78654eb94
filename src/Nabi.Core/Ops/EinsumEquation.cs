namespace Nabi.Ops;

/// <summary>
/// An Einstein summation read against its operands: one letter per axis. The axes an ellipsis stands for get letters the equation does
/// not use, aligned at the right as in broadcasting.
/// </summary>
internal sealed record EinsumEquation(string[] Operands, string Output)
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const string Ellipsis = "...";

    /// <summary>Reads an equation.</summary>
    /// <exception cref="NabiException">It is malformed or does not fit the shapes.</exception>
    public static EinsumEquation Parse(string equation, IReadOnlyList<Shape> shapes)
    {
        var text = equation.Replace(" ", "", StringComparison.Ordinal);
        var arrow = text.IndexOf("->", StringComparison.Ordinal);
        var terms = (arrow < 0 ? text : text[..arrow]).Split(',');
        if (terms.Length != shapes.Count)
            throw new NabiException($"the equation '{equation}' has {terms.Length} operands, but {shapes.Count} inputs were given");
        var hidden = 0;
        for (var i = 0; i < terms.Length; i++) hidden = Math.Max(hidden, HiddenAxes(equation, terms[i], shapes[i].Rank));
        var free = string.Concat(Letters.Where(c => !text.Contains(c)));
        if (hidden > free.Length) throw new NabiException($"the equation '{equation}' and its inputs need more than {Letters.Length} letters");
        var stand = free[..hidden];
        var operands = new string[terms.Length];
        for (var i = 0; i < terms.Length; i++)
            operands[i] = terms[i].Replace(Ellipsis, stand[(hidden - HiddenAxes(equation, terms[i], shapes[i].Rank))..], StringComparison.Ordinal);
        var output = arrow < 0 ? Implicit(terms, stand) : text[(arrow + 2)..].Replace(Ellipsis, stand, StringComparison.Ordinal);
        var used = string.Concat(operands);
        foreach (var c in output)
            if (!used.Contains(c) || output.IndexOf(c) != output.LastIndexOf(c))
                throw new NabiException($"the output of the equation '{equation}' must name letters of its inputs, each once");
        return new EinsumEquation(operands, output);
    }

    /// <summary>The size of every letter; sizes of 1 broadcast.</summary>
    /// <exception cref="NabiException">Two axes with one letter differ.</exception>
    public Dictionary<char, int> Sizes(IReadOnlyList<Shape> shapes)
    {
        var sizes = new Dictionary<char, int>();
        for (var i = 0; i < Operands.Length; i++)
        {
            for (var axis = 0; axis < Operands[i].Length; axis++)
            {
                var (letter, size) = (Operands[i][axis], shapes[i][axis]);
                var known = sizes.GetValueOrDefault(letter, 1);
                if (known != size && known > 1 && size != 1 && size != Shape.Unknown || known == 0 && size > 1)
                    throw new NabiException($"axis {axis} of input {i} has size {size}, but another axis with its letter has {known}");
                if (known == 1 || (known == Shape.Unknown && size != 1)) sizes[letter] = size;
            }
        }
        return sizes;
    }

    /// <summary>The letters that are summed over.</summary>
    public string Summed => string.Concat(string.Concat(Operands).Distinct().Where(c => !Output.Contains(c)));

    /// <summary>Letters not in <paramref name="used"/>.</summary>
    /// <exception cref="NabiException">There are too few.</exception>
    public static string Fresh(string used, int count)
    {
        var free = string.Concat(Letters.Where(c => !used.Contains(c)));
        return free.Length >= count ? free[..count] : throw new NabiException($"the gradient of an equation needs more than {Letters.Length} letters");
    }

    // Letters that appear once, in alphabetical order (capitals first), after the ellipsis.
    private static string Implicit(string[] terms, string stand)
    {
        var all = string.Concat(terms).Replace(".", "", StringComparison.Ordinal);
        return stand + string.Concat(all.Where(c => all.IndexOf(c) == all.LastIndexOf(c)).Order());
    }

    private static int HiddenAxes(string equation, string term, int rank)
    {
        var named = term.Replace(Ellipsis, "", StringComparison.Ordinal);
        var hasEllipsis = term.Contains(Ellipsis, StringComparison.Ordinal);
        if (!named.All(char.IsAsciiLetter) || term.Length - named.Length > Ellipsis.Length)
            throw new NabiException($"the equation '{equation}' has the operand '{term}', which is not letters with at most one ellipsis");
        return named.Length == rank || (hasEllipsis && named.Length < rank)
            ? rank - named.Length
            : throw new NabiException($"the operand '{term}' of the equation '{equation}' does not fit an input of rank {rank}");
    }
}
