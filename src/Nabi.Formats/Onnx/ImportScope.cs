using System.Collections.Immutable;

namespace Nabi.Formats;

/// <summary>The names visible to the nodes of a graph, a branch or a function body. Branches see their surroundings, functions do not.</summary>
internal sealed class ImportScope(ImportScope? parent, string prefix)
{
    private readonly Dictionary<string, Value> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ImmutableList<Value>> _sequences = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Func<Value>> _pending = new(StringComparer.Ordinal);

    /// <summary>Put before names so that inlined bodies keep theirs apart.</summary>
    public string Prefix => prefix;

    /// <summary>Defines a name.</summary>
    /// <exception cref="NabiException">It is taken.</exception>
    public void Define(string name, Value value)
    {
        if (_pending.ContainsKey(name) || !_values.TryAdd(name, value)) throw new NabiException($"two values are named '{name}'");
    }

    /// <summary>Defines a name whose value is only made when it is read: tensors nothing reads take no memory.</summary>
    /// <exception cref="NabiException">It is taken.</exception>
    public void DefineLazily(string name, Func<Value> make)
    {
        if (_values.ContainsKey(name) || !_pending.TryAdd(name, make)) throw new NabiException($"two values are named '{name}'");
    }

    /// <summary>Defines the name of a sequence.</summary>
    public void DefineSequence(string name, ImmutableList<Value> values) => _sequences[name] = values;

    /// <summary>The values of a sequence; null when no sequence has the name.</summary>
    public ImmutableList<Value>? FindSequence(string name) => _sequences.GetValueOrDefault(name) ?? parent?.FindSequence(name);

    /// <summary>Is the name defined here?</summary>
    public bool Defines(string name) => _values.ContainsKey(name) || _pending.ContainsKey(name);

    /// <summary>The value of a name; null when there is none.</summary>
    public Value? Find(string name)
    {
        if (_values.TryGetValue(name, out var value)) return value;
        if (!_pending.Remove(name, out var make)) return parent?.Find(name);
        return _values[name] = make();
    }
}
