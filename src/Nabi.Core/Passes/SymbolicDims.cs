using Nabi.Ops;

namespace Nabi.Passes;

/// <summary>An element of an integer tensor: a number, or else a dimension that only the run will tell. Equal means equal in every run.</summary>
/// <param name="Number">The number, when <paramref name="Symbol"/> is null.</param>
/// <param name="Symbol">What stands for an unknown dimension.</param>
internal readonly record struct DimOrNumber(long Number, object? Symbol = null)
{
    public bool IsNumber => Symbol is null;

    /// <summary>Something unknown that equals nothing else.</summary>
    public static DimOrNumber Fresh => new(0, new object());
}

/// <summary>
/// Follows unknown dimensions through a graph: which values share them, and which integer tensors hold them.
/// </summary>
internal sealed class SymbolicDims
{
    private const int LargestTensor = 1024;

    private sealed record Dimension(Value Value, int Axis);

    private readonly Dictionary<Value, DimOrNumber[]> _shapes = [];
    private readonly Dictionary<Value, DimOrNumber[]?> _elements = [];

    /// <summary>Learns a value's dimensions and elements. Values must be followed in topological order, so that no chain is ever deep.</summary>
    public void Follow(Value value)
    {
        if (value.Shape.IsRanked && !_shapes.ContainsKey(value)) _shapes[value] = Dims(value);
        Elements(value);
    }

    /// <summary>One dimension of a ranked value.</summary>
    public DimOrNumber Of(Value value, int axis) => value.Shape[axis] != Shape.Unknown
        ? new DimOrNumber(value.Shape[axis])
        : (_shapes.TryGetValue(value, out var dims) ? dims : _shapes[value] = Dims(value))[axis];

    /// <summary>The elements of a small integer tensor, or null when nothing is known of them.</summary>
    public DimOrNumber[]? Elements(Value value)
    {
        if (_elements.TryGetValue(value, out var known)) return known;
        DimOrNumber[]? elements = null;
        if (value.DType is DType.Int64 or DType.Int32)
        {
            if (value.Constant is { Count: <= LargestTensor } constant) elements = Array.ConvertAll(constant.ToInt64(), n => new DimOrNumber(n));
            else if (value.Producer is { Outputs.Count: 1 } node) elements = Evaluate(node, node.Inputs);
        }
        return _elements[value] = elements;
    }

    /// <summary>The elements of a node's only output over the given inputs, or null when nothing is known of them.</summary>
    public DimOrNumber[]? Evaluate(Node node, IReadOnlyList<Value?> inputs)
    {
        if (node.Outputs.Count != 1 || node.Output.DType is not (DType.Int64 or DType.Int32)) return null;
        if (inputs.Count == 0 || inputs[0] is not { Shape.IsRanked: true } x) return null;
        switch (node.Op)
        {
            case ShapeOf shapeOf:
                var taken = new DimOrNumber[x.Shape.Rank];
                for (var axis = 0; axis < taken.Length; axis++) taken[axis] = Of(x, axis);
                return Range(taken, shapeOf.Start, shapeOf.End);
            case Size: return x.Shape.IsKnown ? [new DimOrNumber(x.Shape.Count)] : null;
            case Add or Sub or Mul or Div: return Arithmetic(node.Op, x, inputs[1]!);
            case Concat: return Moved(node, inputs, inputs.Count);
            case Cast or Identity or MovingOp or Reshape or Flatten or Squeeze or Unsqueeze or Transpose or Expand: return Moved(node, inputs, 1);
            default: return null;
        }
    }

    private static DimOrNumber[] Range(DimOrNumber[] dims, int start, int? end)
    {
        var from = Clamped(start, dims.Length);
        return dims[from..Math.Max(from, Clamped(end ?? dims.Length, dims.Length))];

        static int Clamped(int axis, int rank) => Math.Clamp(axis < 0 ? axis + rank : axis, 0, rank);
    }

    // The operator itself moves the elements: it is given their places in a table instead of their values.
    private DimOrNumber[]? Moved(Node node, IReadOnlyList<Value?> inputs, int dataInputs)
    {
        // Place 0 is what padding fills with.
        var table = new List<DimOrNumber> { new(0) };
        var tensors = new Tensor?[inputs.Count];
        for (var i = 0; i < tensors.Length; i++)
        {
            if (inputs[i] is not { } input) continue;
            if (i >= dataInputs)
            {
                if (node.Op is Pad && i == 2) return null;
                tensors[i] = input.Constant;
                if (tensors[i] is null) return null;
                continue;
            }
            if (!input.Shape.IsKnown || Elements(input) is not { } elements || elements.Length != input.Shape.Count) return null;
            var places = Tensor.Empty(DType.Int64, input.Shape);
            for (var e = 0; e < elements.Length; e++, table.Add(elements[e - 1])) places.Span<long>()[e] = table.Count;
            tensors[i] = places;
        }
        if (node.Op is Expand or Tile or Pad && node.Output.Shape is not { IsKnown: true, Count: <= LargestTensor }) return null;
        var result = node.Op is Cast ? tensors[0]! : ReferenceEvaluator.Evaluate(node, tensors, new Rng(0))[0];
        return Array.ConvertAll(result.ToInt64(), place => table[(int)place]);
    }

    private DimOrNumber[]? Arithmetic(Op op, Value a, Value b)
    {
        if (!a.Shape.IsKnown || !b.Shape.IsKnown || Elements(a) is not { } left || Elements(b) is not { } right) return null;
        var shape = Shape.Broadcast(a.Shape, b.Shape);
        if (shape.Count > LargestTensor) return null;
        var (atA, atB) = (Elementwise.BroadcastOffsets(a.Shape, shape), Elementwise.BroadcastOffsets(b.Shape, shape));
        var result = new DimOrNumber[shape.Count];
        for (var i = 0; i < result.Length; i++) result[i] = Combined(op, left[atA[i]], right[atB[i]]);
        return result;
    }

    private static DimOrNumber Combined(Op op, DimOrNumber a, DimOrNumber b)
    {
        if (a.IsNumber && b.IsNumber)
        {
            return op switch
            {
                Add => new DimOrNumber(a.Number + b.Number),
                Sub => new DimOrNumber(a.Number - b.Number),
                Mul => new DimOrNumber(a.Number * b.Number),
                _ => b.Number == 0 ? DimOrNumber.Fresh : new DimOrNumber(a.Number / b.Number),
            };
        }
        var neutral = op is Add or Sub ? 0 : 1;
        if (b.IsNumber && b.Number == neutral) return a;
        return op is Add or Mul && a.IsNumber && a.Number == neutral ? b : DimOrNumber.Fresh;
    }

    private DimOrNumber[] Dims(Value value)
    {
        var dims = new DimOrNumber[value.Shape.Rank];
        for (var axis = 0; axis < dims.Length; axis++)
        {
            dims[axis] = value.Shape[axis] != Shape.Unknown ? new DimOrNumber(value.Shape[axis])
                : value.Producer is { } node && Origin(node, value, axis) is { } dim ? dim
                : new DimOrNumber(0, new Dimension(value, axis));
        }
        return dims;
    }

    // Where an output's dimension comes from; null when that is not known to be another value's.
    private DimOrNumber? Origin(Node node, Value output, int axis)
    {
        if (node.Inputs.Count == 0 || node.Inputs[0] is not { Shape.IsRanked: true } x || output.Index != 0) return null;
        switch (node.Op)
        {
            case UnaryOp or Identity or StraightThrough or GradientRounding or Cast or Clip or PRelu or AxisOp or Dropout: return Of(x, axis);
            case BatchNormalization or NormalizationOp or LRN or LpNormalization or MeanVarianceNormalization: return Of(x, axis);
            // A reduced axis would be 1, not unknown.
            case Reduction { Keepdims: true }: return Of(x, axis);
            case Conv or ConvTranspose or PoolingOp or GlobalPoolingOp: return axis == 0 ? Of(x, 0) : null;
            case Flatten { Axis: 1 }: return axis == 0 ? Of(x, 0) : null;
            case Gemm { TransA: false }: return axis == 0 ? Of(x, 0) : null;
            case MatMul: return x.Shape.Rank == output.Shape.Rank && axis < x.Shape.Rank - 1 && x.Shape[axis] == Shape.Unknown && node.Inputs[1]!.Shape.Rank <= 2 ? Of(x, axis) : null;
            case Transpose transpose: return Of(x, transpose.Permutation(x.Shape.Rank)[axis]);
            case Concat concat: return axis != x.Shape.Axis(concat.Axis) ? Of(x, axis) : null;
            case BinaryOp: return Broadcast(x, node.Inputs[1]!, output.Shape.Rank - axis);
            case Reshape reshape: return Reshaped(reshape, x, node.Inputs[1]!, axis);
            default: return null;
        }
    }

    private DimOrNumber? Reshaped(Reshape op, Value x, Value target, int axis)
    {
        if (Elements(target) is not { } elements || axis >= elements.Length) return null;
        if (!elements[axis].IsNumber) return elements[axis];
        if (elements[axis].Number == 0 && !op.Allowzero && axis < x.Shape.Rank) return Of(x, axis);
        // -1 where the data's dimension is the only unknown on both sides, and the rest is the same.
        return axis < x.Shape.Rank && x.Shape[axis] == Shape.Unknown && OnlyUnknown(x.Shape, axis) && elements.Length > 0
            && Product(x.Shape) == Product(elements) ? Of(x, axis) : null;
    }

    private static bool OnlyUnknown(Shape shape, int axis)
    {
        for (var i = 0; i < shape.Rank; i++)
            if (i != axis && shape[i] == Shape.Unknown) return false;
        return true;
    }

    private static long Product(Shape shape)
    {
        var product = 1L;
        foreach (var dim in shape.Dims) product *= dim == Shape.Unknown ? 1 : dim;
        return product;
    }

    // The product of all but the open entry; -1 when it is not all positive numbers.
    private static long Product(DimOrNumber[] target)
    {
        var product = 1L;
        foreach (var entry in target)
        {
            if (!entry.IsNumber || entry.Number is 0 or < -1) return -1;
            product *= entry.Number == -1 ? 1 : entry.Number;
        }
        return product;
    }

    private DimOrNumber? Broadcast(Value a, Value b, int fromEnd)
    {
        if (!b.Shape.IsRanked) return null;
        var left = a.Shape.Rank >= fromEnd ? Of(a, a.Shape.Rank - fromEnd) : new DimOrNumber(1);
        var right = b.Shape.Rank >= fromEnd ? Of(b, b.Shape.Rank - fromEnd) : new DimOrNumber(1);
        if (left == right || right == new DimOrNumber(1)) return left;
        return left == new DimOrNumber(1) ? right : null;
    }
}
