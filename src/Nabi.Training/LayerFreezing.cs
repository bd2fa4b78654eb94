using System.Globalization;

namespace Nabi.Training;

/// <summary>
/// Which parameters of a trained network stay as they are when it learns something new: its first layers see edges and textures that serve many tasks
/// (Yosinski et al. 2014, "How transferable are features in deep neural networks?", section 3).
/// </summary>
public static class LayerFreezing
{
    /// <summary>The layers of a network in order: each has a weight matrix or filter, and the biases and normalizations that follow.</summary>
    /// <param name="model">The network.</param>
    /// <returns>The names of every layer's learned parameters; shared ones belong to the first layer that uses them.</returns>
    public static IReadOnlyList<IReadOnlyList<string>> Layers(Graph model)
    {
        var learned = ModelRoles.Learned(model).ToHashSet();
        var layers = new List<List<string>>();
        foreach (var node in model.Nodes)
        {
            var mine = node.Inputs.OfType<Value>().Where(learned.Remove).ToArray();
            if (mine.Length == 0) continue;
            if (layers.Count == 0 || mine.Any(p => p.Shape.Rank >= 2)) layers.Add([]);
            layers[^1].AddRange(mine.Select(p => p.Name));
        }
        return layers;
    }

    /// <summary>The parameters to freeze, for <see cref="TrainingOptions.Frozen"/>; batch normalizations among them keep their statistics, too.</summary>
    /// <param name="model">The network.</param>
    /// <param name="what">One whole number n for all but the last n layers; or the beginnings of parameters' names, such as <c>stem</c> or <c>stage1.</c>.</param>
    /// <exception cref="NabiException">Nothing or everything would be frozen, or a name fits no parameter.</exception>
    public static ValueArray<string> Parameters(Graph model, ValueArray<string> what)
    {
        var layers = Layers(model);
        string[] all = [.. layers.SelectMany(l => l)];
        string[] frozen;
        if (what.Count == 1 && int.TryParse(what[0], NumberStyles.None, CultureInfo.InvariantCulture, out var last))
        {
            if (last < 1 || last >= layers.Count) throw new NabiException($"Model '{model.Name}' has {layers.Count} layers; all but the last 1 to {layers.Count - 1} can be frozen, not {last}.");
            frozen = [.. layers.Take(layers.Count - last).SelectMany(l => l)];
        }
        else
        {
            foreach (var name in what)
                if (!Array.Exists(all, p => p.StartsWith(name, StringComparison.Ordinal))) throw new NabiException($"No parameter of model '{model.Name}' begins with '{name}'; its first is '{all.FirstOrDefault()}'.");
            frozen = Array.FindAll(all, p => what.Any(name => p.StartsWith(name, StringComparison.Ordinal)));
        }
        return frozen.Length > 0 && frozen.Length < all.Length ? frozen
            : throw new NabiException($"{frozen.Length} of the {all.Length} parameters of model '{model.Name}' would be frozen; freeze some, and leave some to learn.");
    }
}
