using Nabi.Ops;

namespace Nabi.TestSuite;

public static partial class OperatorCases
{
    /// <summary>Functions of one element and activations.</summary>
    public static IEnumerable<OperatorCase> Functions =>
    [
        Case(new Sin(), Float(17)),
        Case(new Cos(), Float(17)),
        Case(new Tan(), Within(-1, 1, 17)),
        Case(new Asin(), Within(-0.9, 0.9, 17)),
        Case(new Acos(), Within(-0.9, 0.9, 17)),
        Case(new Atan(), Float(17)),
        Case(new Sinh(), Float(17)),
        Case(new Cosh(), Float(17)),
        Case(new Tanh(), Float(33)),
        Case(new Asinh(), Float(17)),
        Case(new Acosh(), Within(1.2, 3, 17)),
        Case(new Atanh(), Within(-0.9, 0.9, 17)),
        Case(new Reciprocal(), Positive(17)),
        Case(new Ceil(), Within(0.1, 0.9, 9)),
        Case(new Floor(), Within(0.1, 0.9, 9)),
        Case(new Round(), Within(0.6, 1.4, 9)),
        Case(new Sign(), Float(9)),
        Case(new Binarize(), Float(2, 35)),
        Case(new Ternarize(), Float(2, 35), Tensor.Scalar(0.4f)) with { Constants = [1] },
        Case(new Abs(), Float(17)),
        Case(new Erf(), Float(33)),
        Case(new IsNaN(), Tensor.Vector(1f, float.NaN, -2f, float.PositiveInfinity)),
        Case(new IsInf(), Tensor.Vector(1f, float.NaN, float.NegativeInfinity, float.PositiveInfinity)),
        Case(new IsInf { DetectNegative = false }, Tensor.Vector(1f, float.NaN, float.NegativeInfinity, float.PositiveInfinity)),
        Case(new LeakyRelu(), Float(33)),
        Case(new LeakyRelu { Alpha = 0.2f }, Float(2, 9)),
        Case(new PRelu(), Float(2, 3, 4), Float(3, 1)),
        Case(new Elu { Alpha = 0.7f }, Float(33)),
        Case(new Selu(), Float(33)),
        Case(new Celu { Alpha = 2f }, Float(33)),
        Case(new ThresholdedRelu { Alpha = 0.4f }, Float(33)),
        Case(new Softplus(), Float(33)),
        Case(new Softsign(), Float(33)),
        Case(new Sigmoid(), Float(33)),
        Case(new HardSigmoid { Alpha = 0.5f }, Float(33)),
        Case(new HardSwish(), Within(-5, 5, 33)),
        Case(new Gelu(), Float(33)),
        Case(new Gelu { Approximate = "tanh" }, Float(33)),
        Case(new Mish(), Float(33)),
        Case(new Swish(), Float(33)),
        Case(new Swish { Alpha = 1.7f }, Float(5)),
        Case(new Clip(), Float(9)),
        Case(new Clip(), Float(33), Tensor.Scalar(-0.3f), Tensor.Scalar(0.6f)),
        Case(new Clip(), Float(33), null, Tensor.Scalar(0.6f)),
        Case(new Clip(), Float(33), Tensor.Scalar(-0.3f)),
        Case(new Clip(), Float(33), Tensor.Scalar(0.6f), Tensor.Scalar(-0.3f)),
        Case(new Clip(), Tensor.Vector<sbyte>(-100, 3, 100), Tensor.Scalar((sbyte)-7)),
        Case(new Shrink { Bias = 0.3f, Lambd = 0.4f }, Float(33)),
        Case(new CastLike(), Float(9), Float(1)),
        Case(new CastLike(), Float(9), Tensor.Scalar(0)),
    ];

    /// <summary>Two or more inputs that broadcast.</summary>
    public static IEnumerable<OperatorCase> Broadcasting =>
    [
        Case(new Pow(), Positive(2, 3, 4), Float(3, 1)),
        Case(new Pow(), Float(3, 4), Integers(3)),
        Case(new Pow(), Float(5), Tensor.Scalar(2f)) with { Constants = [1] },
        Case(new Pow(), Positive(5), Tensor.Scalar(-0.5f)) with { Constants = [1] },
        Case(new Pow(), Tensor.Vector(2, -3, 5), Tensor.Vector(3L, 2L, -1L)),
        Case(new Mod { Fmod = true }, Positive(2, 5), Within(0.2, 0.4, 5)),
        Case(new Mod(), Tensor.Vector(-4, 7, 5, 4, -7, 8), Tensor.Vector(2, -3, 8, -2, 3, 5)),
        Case(new Mod(), Tensor.Vector<byte>(200, 7), Tensor.Vector<byte>(7, 200)),
        Case(new Max(), Float(2, 3, 4), Float(3, 1), Float(4)),
        Case(new Max(), Float(7)),
        Case(new Min(), Float(2, 3, 4), Float(3, 1), Float(4)),
        Case(new Min(), Tensor.Vector(3L, -1L), Tensor.Vector(2L)),
        Case(new Sum(), Float(2, 3, 4), Float(3, 1), Float(4)),
        Case(new Mean(), Float(2, 3, 4), Float(3, 1), Float(4)),
        Case(new Where(), Bools(true, false, true, true), Float(3, 4), Float(3, 1)),
        Case(new Where(), Bools(true, false), Integers(1, 2), Integers(3)),
        Case(new Equal(), Integers(1, 2, 3), Integers(3, 2, 1)),
        Case(new Less(), Float(2, 3), Float(3)),
        Case(new GreaterOrEqual(), Float(2, 3), Float(2, 3)),
        Case(new LessOrEqual(), Float(2, 3), Float(3)),
        Case(new Greater(), Float(2, 3), Float(3)),
        Case(new And(), Bools(true, true, false, false), Bools(true, false, true, false)),
        Case(new Or(), Bools(true, true, false, false), Bools(true, false, true, false)),
        Case(new Xor(), Bools(true, true, false, false), Bools(true, false, true, false)),
        Case(new Not(), Bools(true, false)),
        Case(new BitShift { Direction = "LEFT" }, Tensor.Vector<byte>(1, 255, 7), Tensor.Vector<byte>(3, 1, 8)),
        Case(new BitShift { Direction = "RIGHT" }, Tensor.Vector<ulong>(1, ulong.MaxValue, 7), Tensor.Vector<ulong>(1)),
        Case(new BitwiseAnd(), Tensor.Vector(6, -1), Tensor.Vector(3, 77)),
        Case(new BitwiseOr(), Tensor.Vector(6, -1), Tensor.Vector(3, 77)),
        Case(new BitwiseXor(), Tensor.Vector(6, -1), Tensor.Vector(3, 77)),
        Case(new BitwiseNot(), Tensor.Vector<byte>(0, 1, 255)),
        Case(new Cast(DType.Int32), Float(9)),
        Case(new Cast(DType.Float16), Float(9)) with { ChecksGradient = false, Tolerance = 1e-3 },
    ];

    /// <summary>Reductions, and operators along an axis.</summary>
    public static IEnumerable<OperatorCase> AlongAxes =>
    [
        Case(new Softmax(), Float(3, 5)),
        Case(new Softmax { Axis = 1 }, Float(2, 3, 4)),
        Case(new LogSoftmax(), Float(3, 5)),
        Case(new LogSoftmax { Axis = 0 }, Float(3, 5)),
        Case(new Hardmax { Axis = 1 }, Float(2, 3, 4)),
        Case(new ReduceMean(), Float(3, 4, 5), Integers(0, -1)),
        Case(new ReduceMean { Keepdims = false }, Float(3, 4, 5)),
        Case(new ReduceMean { NoopWithEmptyAxes = true }, Float(3, 4)),
        Case(new ReduceMax(), Float(3, 4, 5), Integers(1)),
        Case(new ReduceMax { Keepdims = false }, Float(3, 4, 5), Integers(0, 2)),
        Case(new ReduceMin { Keepdims = false }, Float(3, 4, 5), Integers(-1)),
        Case(new ReduceProd { Keepdims = false }, Float(2, 3, 2), Integers(1)),
        Case(new ReduceProd(), Float(4)),
        Case(new ReduceSumSquare { Keepdims = false }, Float(3, 4, 5), Integers(0, 2)),
        Case(new ReduceL1 { Keepdims = false }, Float(3, 4, 5), Integers(0, 2)),
        Case(new ReduceL2 { Keepdims = false }, Float(3, 4, 5), Integers(0, 2)),
        Case(new ReduceLogSum { Keepdims = false }, Positive(3, 4, 5), Integers(0, 2)),
        Case(new ReduceLogSumExp { Keepdims = false }, Float(3, 4, 5), Integers(0, 2)),
        Case(new ArgMax(), Float(3, 4, 5)),
        Case(new ArgMax { Axis = -1, Keepdims = false, SelectLastIndex = true }, Float(3, 4, 5)),
        Case(new ArgMin { Axis = 1, Keepdims = false }, Float(3, 4, 5)),
        Case(new CumSum(), Float(3, 4, 2), Tensor.Scalar(1)),
        Case(new CumSum { Exclusive = true }, Float(5), Tensor.Scalar(0L)),
        Case(new CumSum { Reverse = true }, Float(3, 4), Tensor.Scalar(-1)),
        Case(new CumSum { Exclusive = true, Reverse = true }, Float(3, 4), Tensor.Scalar(-2)),
        Case(new CumSum(), Integers(1, 2, 3), Tensor.Scalar(0)),
    ];

    /// <summary>Sums of products, determinants and constant tables of signal processing.</summary>
    public static IEnumerable<OperatorCase> Products =>
    [
        Sums("ij,jk->ik", Float(3, 4), Float(4, 2)),
        Sums("bij,bjk", Float(2, 3, 4), Float(2, 4, 2)),
        Sums("...ij,...jk->...ik", Float(2, 1, 3, 4), Float(3, 4, 2)),
        Sums("ij->ji", Float(3, 4)),
        Sums("ij->i", Float(3, 4)),
        Sums("ij->", Float(3, 4)),
        Sums("ii->i", Float(3, 3)),
        Sums("...ii->...i", Float(2, 3, 3)),
        Sums("ii", Float(3, 3)),
        Sums("i,i", Float(5), Float(5)),
        Sums("i,j->ij", Float(3), Float(4)),
        Sums("i,i->", Float(5), Float(1)),
        Sums("a,ab,b->", Float(3), Float(3, 4), Float(4)),
        Sums("...->", Float(2, 3)),
        Case(new Det(), Float(4, 4)),
        Case(new Det(), Float(2, 3, 3)),
        Case(new HannWindow(), Tensor.Scalar(10)),
        Case(new HammingWindow { Periodic = false }, Tensor.Scalar(10)),
        Case(new BlackmanWindow(), Tensor.Scalar(10)),
        Case(new MelWeightMatrix(), Tensor.Scalar(8), Tensor.Scalar(64), Tensor.Scalar(8192), Tensor.Scalar(0), Tensor.Scalar(4000)),
    ];

    private static OperatorCase Sums(string equation, params Tensor[] inputs) =>
        Case(new Einsum { Equation = equation }, inputs) with { Name = $"Einsum {equation}" };

    /// <summary>Floats uniformly distributed between the limits.</summary>
    public static Tensor Within(double low, double high, params int[] dims) => Filled(dims, rng => low + (high - low) * rng.NextDouble());

    /// <summary>Truth values.</summary>
    public static Tensor Bools(params bool[] values) => Tensor.Vector<bool>(values);
}
