using Nabi.Ops;

namespace Nabi;

/// <summary>Short names for the operators that gradients and passes are written with.</summary>
public sealed partial class GraphBuilder
{
    /// <summary>a + b with broadcasting.</summary>
    public Value Add(Value a, Value b) => Apply(new Add(), a, b);

    /// <summary>a - b with broadcasting.</summary>
    public Value Sub(Value a, Value b) => Apply(new Sub(), a, b);

    /// <summary>a * b with broadcasting.</summary>
    public Value Mul(Value a, Value b) => Apply(new Mul(), a, b);

    /// <summary>a / b with broadcasting.</summary>
    public Value Div(Value a, Value b) => Apply(new Div(), a, b);

    /// <summary>-x.</summary>
    public Value Neg(Value x) => Apply(new Neg(), x);

    /// <summary>e to the x.</summary>
    public Value Exp(Value x) => Apply(new Exp(), x);

    /// <summary>The natural logarithm.</summary>
    public Value Log(Value x) => Apply(new Log(), x);

    /// <summary>The square root.</summary>
    public Value Sqrt(Value x) => Apply(new Sqrt(), x);

    /// <summary>max(x, 0).</summary>
    public Value Relu(Value x) => Apply(new Relu(), x);

    /// <summary>The matrix product.</summary>
    public Value MatMul(Value a, Value b) => Apply(new MatMul(), a, b);

    /// <summary>Converts the element type; the same value when it already has it.</summary>
    public Value Cast(Value x, DType to) => x.DType == to ? x : Apply(new Cast(to), x);

    /// <summary>A constant of rank 0 with the element type of <paramref name="like"/>.</summary>
    public Value Scalar(double number, Value like) => Constant(Tensor.Scalar(number).Cast(like.DType), "scalar");

    /// <summary>A constant list of integers: axes, shapes, pads.</summary>
    public Value Integers(params ReadOnlySpan<long> numbers) => Constant(Tensor.Vector(numbers), "ints");

    /// <summary>The sum over axes; no axes means all.</summary>
    public Value ReduceSum(Value x, ReadOnlySpan<int> axes, bool keepdims = true) =>
        Apply(new ReduceSum { Keepdims = keepdims }, x, axes.IsEmpty ? null : Axes(axes));

    /// <summary>The elements under another shape, in which one dimension may be unknown.</summary>
    public Value Reshape(Value x, Shape shape)
    {
        if (shape.Equals(x.Shape) && shape.IsKnown) return x;
        var target = new long[shape.Rank];
        for (var i = 0; i < target.Length; i++) target[i] = shape[i];
        return Apply(new Reshape(), x, Integers(target));
    }

    /// <summary>Output axis i is input axis <paramref name="perm"/>[i].</summary>
    public Value Transpose(Value x, params ReadOnlySpan<int> perm) => Apply(new Transpose { Perm = ValueArray.Create(perm) }, x);

    /// <summary>Swaps the last two axes.</summary>
    public Value SwapLast(Value x)
    {
        var perm = new int[x.Shape.Rank];
        for (var i = 0; i < perm.Length; i++) perm[i] = i;
        (perm[^1], perm[^2]) = (perm[^2], perm[^1]);
        return Transpose(x, perm);
    }

    /// <summary>Broadcasts <paramref name="x"/> to the shape of <paramref name="like"/>.</summary>
    public Value ExpandLike(Value x, Value like)
    {
        if (x.Shape.Equals(like.Shape) && like.Shape.IsKnown) return x;
        return like.Shape.IsKnown
            ? Apply(new Expand(), x, Integers(Array.ConvertAll(like.Shape.Dims.ToArray(), d => (long)d)))
            : Add(x, ZerosLike(like));
    }

    /// <summary>Sums a broadcast value back to the shape of <paramref name="like"/>: the gradient of broadcasting.</summary>
    public Value SumTo(Value x, Value like)
    {
        if (x.Shape.Equals(like.Shape)) return x;
        var lead = x.Shape.Rank - like.Shape.Rank;
        var axes = new List<int>();
        for (var i = 0; i < x.Shape.Rank; i++)
            if (i < lead || (like.Shape[i - lead] == 1 && x.Shape[i] != 1)) axes.Add(i);
        if (axes.Count > 0) x = ReduceSum(x, axes.ToArray());
        return Reshape(x, like.Shape);
    }

    /// <summary>Zeros of the type and shape of <paramref name="like"/>.</summary>
    public Value ZerosLike(Value like) => FilledLike(like, 0);

    /// <summary>Ones of the type and shape of <paramref name="like"/>.</summary>
    public Value OnesLike(Value like) => FilledLike(like, 1);

    private Value FilledLike(Value like, double number)
    {
        if (like.Shape.IsKnown)
            return ExpandLike(Scalar(number, like), like);
        var zeros = Mul(like, Scalar(0, like));
        return number == 0 ? zeros : Add(zeros, Scalar(number, like));
    }

    private Value Axes(ReadOnlySpan<int> axes)
    {
        var numbers = new long[axes.Length];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = axes[i];
        return Integers(numbers);
    }
}
