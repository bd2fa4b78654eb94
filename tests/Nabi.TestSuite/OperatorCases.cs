using System.Reflection;

namespace Nabi.TestSuite;

/// <summary>The one list of operator cases. A family adds a file with a property that returns its cases; they are found by type.</summary>
public static partial class OperatorCases
{
    /// <summary>Every case of every family.</summary>
    public static IReadOnlyList<OperatorCase> All { get; } = [.. typeof(OperatorCases)
        .GetProperties(BindingFlags.Public | BindingFlags.Static)
        .Where(p => p.PropertyType == typeof(IEnumerable<OperatorCase>))
        .SelectMany(p => (IEnumerable<OperatorCase>)p.GetValue(null)!)];

    /// <summary>Cases that run everywhere: arithmetic the gradients are written with.</summary>
    public static IEnumerable<OperatorCase> Arithmetic =>
    [
        Case(new Ops.Add(), Float(2, 3, 4), Float(3, 1)),
        Case(new Ops.Sub(), Float(2, 3, 4), Float(4)),
        Case(new Ops.Mul(), Float(2, 1, 4), Float(3, 1)),
        Case(new Ops.Div(), Float(2, 3), Positive(2, 3)),
        Case(new Ops.Neg(), Float(5)),
        Case(new Ops.Exp(), Float(2, 9)),
        Case(new Ops.Log(), Positive(17)),
        Case(new Ops.Sqrt(), Positive(17)),
        Case(new Ops.Relu(), Float(33)),
        Case(new Ops.MatMul(), Float(5, 7), Float(7, 3)),
        Case(new Ops.MatMul(), Float(2, 1, 5, 7), Float(3, 7, 4)),
        Case(new Ops.MatMul(), Float(7), Float(7, 3)),
        Case(new Ops.MatMul(), Float(5, 7), Float(7)),
        Case(new Ops.MatMul(), Float(2, 3, 7), Float(7, 4)),
        Case(new Ops.ReduceSum(), Float(3, 4, 5), Integers(0, -1)),
        Case(new Ops.ReduceSum { Keepdims = false }, Float(3, 4, 5), Integers(1)),
        Case(new Ops.Transpose(), Float(3, 4, 5)),
        Case(new Ops.Transpose { Perm = [1, 0, 2] }, Float(3, 4, 5)),
        Case(new Ops.Reshape(), Float(3, 4, 5), Integers(0, -1)),
        Case(new Ops.Expand(), Float(3, 1, 5), Integers(2, 1, 4, 1)),
    ];

    /// <summary>A case named after its operator and the shapes of its inputs.</summary>
    public static OperatorCase Case(Op op, params Tensor?[] inputs) =>
        new($"{op.Name}{string.Concat(inputs.Select(t => t is null ? "_" : t.Shape.ToString()))}", op, inputs);

    /// <summary>Normally distributed floats; every call with the same shape gives the same numbers, no two within 1e-3 of 0.</summary>
    public static Tensor Float(params int[] dims) => Filled(dims, rng =>
    {
        var x = rng.NextGaussian();
        return x + Math.Sign(x) * 2e-2;
    });

    /// <summary>Floats in [0.5, 2).</summary>
    public static Tensor Positive(params int[] dims) => Filled(dims, rng => 0.5 + 1.5 * rng.NextDouble());

    /// <summary>A list of integers: axes, shapes, pads.</summary>
    public static Tensor Integers(params long[] numbers) => Tensor.Vector<long>(numbers);

    private static Tensor Filled(int[] dims, Func<Rng, double> next)
    {
        var shape = Shape.Create(dims);
        var rng = new Rng((ulong)shape.ToString().Sum(c => c * 31));
        var tensor = Tensor.Empty(DType.Float32, shape);
        foreach (ref var x in tensor.Span<float>()) x = (float)next(rng);
        return tensor;
    }
}
