using System.Collections;
using System.Runtime.CompilerServices;

namespace Nabi;

/// <summary>
/// The dimensions of a tensor, outermost first. A dimension not known until run time (usually the batch) is
/// <see cref="Unknown"/>; a shape of which not even the rank is known is <see cref="Unranked"/>.
/// Tensors always have fully known shapes.
/// </summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public sealed class Shape : IReadOnlyList<int>, IEquatable<Shape>
{
    /// <summary>The size of a dimension that is not known.</summary>
    public const int Unknown = -1;

    /// <summary>Rank 0: one element.</summary>
    public static readonly Shape Scalar = new([], isRanked: true);

    /// <summary>Nothing is known, not even the rank.</summary>
    public static readonly Shape Unranked = new([], isRanked: false);

    private readonly int[] _dims;

    private Shape(int[] dims, bool isRanked)
    {
        _dims = dims;
        IsRanked = isRanked;
    }

    /// <summary>A shape of the given dimensions; each is at least 0, or <see cref="Unknown"/>.</summary>
    /// <exception cref="NabiException">A dimension is below -1, or the element count passes 2^31 - 1.</exception>
    public static Shape Create(ReadOnlySpan<int> dims)
    {
        long count = 1;
        foreach (var dim in dims)
        {
            if (dim < Unknown) throw new NabiException($"A dimension of {dim} is not possible; sizes are 0 or more.");
            count *= Math.Abs((long)dim);
            if (count > int.MaxValue)
                throw new NabiException($"A tensor of shape [{string.Join(", ", dims.ToArray())}] has more than {int.MaxValue} elements, which is not supported.");
        }
        return dims.IsEmpty ? Scalar : new Shape(dims.ToArray(), isRanked: true);
    }

    /// <summary>A shape from 64-bit dimensions, as files and shape tensors hold them.</summary>
    /// <exception cref="NabiException">A dimension does not fit.</exception>
    public static Shape From(ReadOnlySpan<long> dims)
    {
        var result = new int[dims.Length];
        for (var i = 0; i < dims.Length; i++)
            result[i] = dims[i] is >= Unknown and <= int.MaxValue ? (int)dims[i] : throw new NabiException($"A dimension of {dims[i]} is not supported.");
        return Create(result);
    }

    /// <summary>A shape of which only the rank is known.</summary>
    public static Shape OfRank(int rank)
    {
        var dims = new int[rank];
        Array.Fill(dims, Unknown);
        return Create(dims);
    }

    /// <summary>A computed size as a dimension.</summary>
    /// <exception cref="NabiException">It is negative or too large.</exception>
    internal static int Dimension(long size) =>
        size is >= 0 and <= int.MaxValue ? (int)size : throw new NabiException($"A dimension of {size} is not supported.");

    /// <summary>Is at least the number of dimensions known?</summary>
    public bool IsRanked { get; }

    /// <summary>Is every dimension known?</summary>
    public bool IsKnown => IsRanked && Array.TrueForAll(_dims, d => d != Unknown);

    /// <summary>Number of dimensions.</summary>
    /// <exception cref="NabiException">The shape is <see cref="Unranked"/>.</exception>
    public int Rank => IsRanked ? _dims.Length : throw new NabiException("A value's number of dimensions is needed here, but not known; fix the shapes of the graph's inputs.");

    int IReadOnlyCollection<int>.Count => Rank;

    /// <summary>The dimensions, <see cref="Unknown"/> where not known.</summary>
    public ReadOnlySpan<int> Dims => _dims;

    /// <summary>Size of dimension <paramref name="axis"/>; negative axes count from the end.</summary>
    public int this[int axis] => _dims[axis < 0 ? axis + Rank : axis];

    /// <summary>Number of elements.</summary>
    /// <exception cref="NabiException">A dimension is not known.</exception>
    public int Count
    {
        get
        {
            if (!IsKnown) throw new NabiException($"The number of elements of shape {this} is needed here, but not known; fix the shapes of the graph's inputs.");
            var count = 1;
            foreach (var dim in _dims) count *= dim;
            return count;
        }
    }

    /// <summary>Product of dimensions <paramref name="from"/> (inclusive) to <paramref name="to"/> (exclusive); <see cref="Unknown"/> if one is not known.</summary>
    public int CountOf(int from, int to)
    {
        var count = 1;
        for (var i = from; i < to; i++)
        {
            if (_dims[i] == Unknown) return Unknown;
            count *= _dims[i];
        }
        return count;
    }

    /// <summary>Turns an axis in [-rank, rank) into [0, rank).</summary>
    /// <exception cref="NabiException">The axis is out of range.</exception>
    public int Axis(long axis) => axis >= -Rank && axis < Rank
        ? (int)(axis < 0 ? axis + Rank : axis)
        : throw new NabiException($"Axis {axis} is outside a tensor of rank {Rank}; use -{Rank} to {Rank - 1}.");

    /// <summary>Turns an index into dimension <paramref name="axis"/>, negative counting from the end, into [0, size).</summary>
    /// <exception cref="NabiException">The index is out of range.</exception>
    public int Index(long index, int axis)
    {
        var size = this[axis];
        return index >= -size && index < size
            ? (int)(index < 0 ? index + size : index)
            : throw new NabiException($"Index {index} is outside axis {axis} of shape {this}; use {-size} to {size - 1}.");
    }

    /// <summary>Row-major strides in elements.</summary>
    public int[] Strides()
    {
        var strides = new int[Rank];
        for (int i = Rank - 1, stride = 1; i >= 0; stride *= Math.Max(1, _dims[i]), i--) strides[i] = stride;
        return strides;
    }

    /// <summary>The same shape with dimension <paramref name="axis"/> replaced.</summary>
    public Shape With(int axis, int size)
    {
        var dims = _dims.AsSpan().ToArray();
        dims[Axis(axis)] = size;
        return Create(dims);
    }

    /// <summary>Can a tensor of shape <paramref name="actual"/> stand where this shape is declared? Unknown dimensions accept any size.</summary>
    public bool Accepts(Shape actual)
    {
        if (!IsRanked || !actual.IsRanked) return true;
        if (Rank != actual.Rank) return false;
        for (var i = 0; i < Rank; i++)
            if (_dims[i] != Unknown && actual._dims[i] != Unknown && _dims[i] != actual._dims[i]) return false;
        return true;
    }

    /// <summary>
    /// The shape two operands broadcast to (ONNX multidirectional broadcasting). An unknown dimension against 1 stays unknown,
    /// against a known size above 1 takes that size.
    /// </summary>
    /// <exception cref="NabiException">The shapes do not broadcast.</exception>
    public static Shape Broadcast(Shape left, Shape right)
    {
        if (!left.IsRanked || !right.IsRanked) return Unranked;
        var dims = new int[Math.Max(left.Rank, right.Rank)];
        for (var i = 1; i <= dims.Length; i++)
        {
            var a = i <= left.Rank ? left[^i] : 1;
            var b = i <= right.Rank ? right[^i] : 1;
            dims[^i] = a == b || b == 1 ? a
                : a == 1 || a == Unknown ? b
                : b == Unknown ? a
                : throw new NabiException($"Shapes {left} and {right} do not broadcast: {a} against {b}.");
        }
        return Create(dims);
    }

    /// <inheritdoc/>
    public bool Equals(Shape? other) => other is not null && IsRanked == other.IsRanked && _dims.AsSpan().SequenceEqual(other._dims);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Shape);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(IsRanked);
        foreach (var dim in _dims) hash.Add(dim);
        return hash.ToHashCode();
    }

    /// <summary>For example <c>[N, 3, 32, 32]</c> with <c>?</c> for unknown dimensions.</summary>
    public override string ToString() =>
        IsRanked ? $"[{string.Join(", ", _dims.Select(d => d == Unknown ? "?" : d.ToString()))}]" : "[...]";

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)_dims).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private int this[Index index] => _dims[index];
}
