using System.Collections;

namespace Nabi;

/// <summary>One item per output of an operator. A single item, or an array, converts by itself.</summary>
/// <typeparam name="T">What there is one of per output.</typeparam>
public readonly struct Outputs<T> : IReadOnlyList<T>
{
    private readonly T[] _items;

    private Outputs(T[] items) => _items = items;

    /// <summary>The single output of an operator that has one.</summary>
    public static implicit operator Outputs<T>(T item) => new([item]);

    /// <summary>The outputs in order.</summary>
    public static implicit operator Outputs<T>(T[] items) => new(items);

    /// <inheritdoc/>
    public int Count => _items.Length;

    /// <inheritdoc/>
    public T this[int index] => _items[index];

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)_items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
