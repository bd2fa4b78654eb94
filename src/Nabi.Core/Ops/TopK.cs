using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>TopK</c>: the K largest (or smallest) elements along an axis and, as second output, their Int64 indices. K is the second
/// input. Of equal elements the one with the lower index comes first; NaN counts as smallest.
/// </summary>
public sealed record TopK : Op
{
    /// <summary>The axis, -rank to rank - 1. Default -1.</summary>
    public int Axis { get; init; } = -1;

    /// <summary>The largest rather than the smallest? Default true.</summary>
    public bool Largest { get; init; } = true;

    /// <summary>Must the result be sorted? Default true. It always is.</summary>
    public bool Sorted { get; init; } = true;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, data) = x.Input(0);
        var axis = x.RequireRank(0, 1).Axis(Axis);
        var shape = data.With(axis, x.Constant(1) is { } k ? Count(data, axis, (long)k.Item()) : Shape.Unknown);
        return new[] { new TensorType(dtype, shape), new TensorType(DType.Int64, shape) };
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => index == 0 ? x.Input(0).DType : DType.Int64;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var axis = data.Shape.Axis(Axis);
        var shape = data.Shape.With(axis, Count(data.Shape, axis, (long)x.Input(1).Item()));
        var indices = Tensor.Empty(DType.Int64, shape);
        var comparable = data.DType is DType.BFloat16 or DType.Int4 ? data.Cast(DType.Float32) : data;
        Numeric.Dispatch<Select, bool>(comparable.DType, new Select(comparable, indices, axis, Largest));
        var values = new Movement(shape, GatherElements.Places(data.Shape, axis, indices)).Take(data);
        return new[] { values, indices };
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, x.Input(0).Count, x.BytesRead, x.BytesWritten);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        if (g.Node.Outputs.Count < 2)
            throw new NabiException($"The gradient of node '{g.Node.Name}' needs its second output, the indices; ask for both.");
        var b = g.Builder;
        return [b.Apply(new ScatterElements { Axis = Axis }, b.ZerosLike(g.Input(0)), g.Output(1), g.GradOrZero(0)), null];
    }

    private static int Count(Shape shape, int axis, long k) => k >= 0 && (shape[axis] == Shape.Unknown || k <= shape[axis])
        ? Shape.Dimension(k)
        : throw new NabiException($"{k} elements cannot be chosen from the {shape[axis]} along axis {axis}");

    private readonly record struct Select(Tensor Data, Tensor Indices, int Axis, bool Largest) : INumericVisitor<bool>
    {
        public bool Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var data = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, T>(Data.Bytes).ToArray();
            var indices = Indices.Span<long>();
            var (size, k, inner) = (Data.Shape[Axis], Indices.Shape[Axis], Data.Shape.CountOf(Axis + 1, Data.Shape.Rank));
            var outer = Data.Shape.CountOf(0, Axis);
            var (order, sign) = (new int[size], Largest ? -1 : 1);
            for (var line = 0; line < outer * inner; line++)
            {
                var start = line / inner * size * inner + line % inner;
                for (var i = 0; i < size; i++) order[i] = i;
                Array.Sort(order, (a, b) => data[start + a * inner].CompareTo(data[start + b * inner]) is var c && c != 0 ? sign * c : a.CompareTo(b));
                for (var i = 0; i < k; i++) indices[(line / inner * k + i) * inner + line % inner] = order[i];
            }
            return true;
        }
    }
}
