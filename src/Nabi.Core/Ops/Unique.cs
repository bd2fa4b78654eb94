using System.Numerics;
using System.Runtime.InteropServices;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Unique</c>: the different elements, or the different slices along <see cref="Axis"/>. Further outputs, all Int64: the index of
/// each one's first occurrence, for every element the index of its unique, and how often each occurs.
/// </summary>
public sealed record Unique : Op
{
    /// <summary>The axis whose slices are compared; null, the default, compares elements of the flattened input.</summary>
    public int? Axis { get; init; }

    /// <summary>In ascending order rather than in that of first occurrence? Default true.</summary>
    public bool Sorted { get; init; } = true;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        var size = Axis is { } axis ? shape[shape.Axis(axis)] : shape.CountOf(0, shape.Rank);
        var list = new TensorType(DType.Int64, [Shape.Unknown]);
        var values = new TensorType(dtype, Axis is { } a ? shape.With(shape.Axis(a), Shape.Unknown) : [Shape.Unknown]);
        return new[] { values, list, list with { Shape = [size] }, list };
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => index == 0 ? x.Input(0).DType : DType.Int64;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = Axis is null ? x.Input(0).Reshape([x.Input(0).Count]) : x.Input(0);
        var axis = data.Shape.Axis(Axis ?? 0);
        var comparable = data.DType is DType.BFloat16 or DType.Int4 ? data.Cast(DType.Float32) : data;
        var compare = Numeric.Dispatch<SliceOrder, Comparison<int>>(comparable.DType, new SliceOrder(comparable, axis));
        var order = new int[data.Shape[axis]];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        Array.Sort(order, (a, b) => compare(a, b) is var c && c != 0 ? c : a.CompareTo(b));

        var groups = new List<List<int>>();
        foreach (var i in order)
        {
            if (groups.Count == 0 || compare(groups[^1][0], i) != 0) groups.Add([]);
            groups[^1].Add(i);
        }
        if (!Sorted) groups.Sort((a, b) => a[0].CompareTo(b[0]));
        var inverse = new long[order.Length];
        for (var g = 0; g < groups.Count; g++)
            foreach (var i in groups[g]) inverse[i] = g;
        var first = groups.ConvertAll(g => g[0]).ToArray();
        return new[]
        {
            Movement.Along(data.Shape, axis, first).Take(data),
            Tensor.Vector<long>(Array.ConvertAll(first, i => (long)i)),
            Tensor.Vector<long>(inverse),
            Tensor.Vector<long>([.. groups.Select(g => (long)g.Count)]),
        };
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(0).Count, x.BytesRead, 0);

    // Slices compare element by element in row-major order.
    private readonly record struct SliceOrder(Tensor Data, int Axis) : INumericVisitor<Comparison<int>>
    {
        public Comparison<int> Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var (data, size, inner) = (MemoryMarshal.Cast<byte, T>(Data.Bytes).ToArray(), Data.Shape[Axis], Data.Shape.CountOf(Axis + 1, Data.Shape.Rank));
            return (a, b) =>
            {
                for (var outer = 0; outer < data.Length; outer += size * inner)
                    for (var i = outer; i < outer + inner; i++)
                        if (data[i + a * inner].CompareTo(data[i + b * inner]) is var c && c != 0) return c;
                return 0;
            };
        }
    }
}
