namespace Nabi;

/// <summary>Union-find over atoms: single elements along single axes. Classes that hold a fixed atom cannot be pruned.</summary>
internal sealed class ChannelUnions
{
    private readonly Dictionary<ValueAxis, int> _first;
    private readonly List<ValueAxis> _axes;
    private readonly HashSet<ValueAxis> _fixedAxes;
    private readonly List<int> _parent;
    private readonly List<bool> _fixed;

    public ChannelUnions() => (_first, _axes, _fixedAxes, _parent, _fixed) = ([], [], [], [], []);

    private ChannelUnions(ChannelUnions from) => (_first, _axes, _fixedAxes, _parent, _fixed) =
        (new(from._first), [.. from._axes], [.. from._fixedAxes], [.. from._parent], [.. from._fixed]);

    /// <summary>Axes with atoms, in order of first mention.</summary>
    public IReadOnlyList<ValueAxis> Axes => _axes;

    public ChannelUnions Copy() => new(this);

    /// <summary>The atom of element 0 along an axis of known size; the others follow.</summary>
    public int First(ValueAxis at)
    {
        if (_first.TryGetValue(at, out var first)) return first;
        first = _first[at] = _parent.Count;
        _axes.Add(at);
        var isFixed = _fixedAxes.Contains(at);
        for (var i = 0; i < at.Size; i++)
        {
            _parent.Add(first + i);
            _fixed.Add(isFixed);
        }
        return first;
    }

    public int Find(int atom)
    {
        while (_parent[atom] != atom) atom = _parent[atom] = _parent[_parent[atom]];
        return atom;
    }

    public void Union(int a, int b)
    {
        (a, b) = (Find(a), Find(b));
        if (a == b) return;
        if (b < a) (a, b) = (b, a);
        _parent[b] = a;
        _fixed[a] |= _fixed[b];
    }

    public bool IsFixed(int atom) => _fixed[Find(atom)];

    /// <summary>No element along the axis may go.</summary>
    public void Fix(ValueAxis at)
    {
        if (!_fixedAxes.Add(at) || !_first.TryGetValue(at, out var first)) return;
        for (var i = 0; i < at.Size; i++) _fixed[Find(first + i)] = true;
    }

    /// <summary>Classes along the axis that may still go.</summary>
    public int CountFree(ValueAxis at)
    {
        if (at.Size == Shape.Unknown || (_fixedAxes.Contains(at) && !_first.ContainsKey(at))) return 0;
        var roots = new HashSet<int>();
        var first = First(at);
        for (var i = 0; i < at.Size; i++)
            if (!IsFixed(first + i)) roots.Add(Find(first + i));
        return roots.Count;
    }
}
