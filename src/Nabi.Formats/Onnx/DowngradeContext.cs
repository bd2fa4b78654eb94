namespace Nabi.Formats;

/// <summary>What a row of <see cref="OpsetDowngrades"/> may ask and add while a graph is written.</summary>
internal sealed class DowngradeContext(int opset, bool isExchange, Dictionary<string, Tensor> constants, Func<string, string> fresh)
{
    /// <summary>The operator set written.</summary>
    public int Opset => opset;

    /// <summary>Whether other runtimes are to read it.</summary>
    public bool IsExchange => isExchange;

    /// <summary>Tensors by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Constants => constants;

    /// <summary>Adds a constant and gives its name.</summary>
    public string Constant(Tensor data, string hint)
    {
        var name = fresh(hint);
        constants.Add(name, data);
        return name;
    }

    /// <summary>A name nothing has.</summary>
    public string Fresh(string hint) => fresh(hint);
}
