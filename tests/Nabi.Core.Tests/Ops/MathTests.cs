using Nabi.Ops;

namespace Nabi.Core.Tests.Operators;

/// <summary>Values known by hand, where a formula or a corner of the specification could be wrong.</summary>
public class MathTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.5, 0.520499877813047)]
    [InlineData(1, 0.842700792949715)]
    [InlineData(-2, -0.995322265018953)]
    [InlineData(2.499999, 0.999593045804275)]
    [InlineData(2.5, 0.999593047982555)]
    [InlineData(3, 0.999977909503001)]
    [InlineData(10, 1)]
    public void Erf_has_the_tabulated_values(double x, double expected) =>
        Assert.Equal(expected, Run(new Erf(), Tensor.Scalar(x)).Item(), 11);

    [Fact]
    public void Round_takes_halves_to_even() =>
        Assert.Equal([-2f, 0f, 0f, 2f, 2f, 3f], Run(new Round(), Tensor.Vector(-2.5f, -0.5f, 0.5f, 1.5f, 2.5f, 2.7f)).ToSingle());

    [Fact]
    public void Mod_takes_the_divisors_sign_and_fmod_the_dividends()
    {
        var (a, b) = (Tensor.Vector(-4, 7, 5, 4, -7, 8), Tensor.Vector(2, -3, 8, -2, 3, 5));
        Assert.Equal([0L, -2, 5, 0, 2, 3], Run(new Mod(), a, b).ToInt64());
        Assert.Equal([0L, 1, 5, 0, -1, 3], Run(new Mod { Fmod = true }, a, b).ToInt64());
    }

    [Fact]
    public void Integer_division_by_zero_is_a_clear_error()
    {
        var e = Assert.Throws<NabiException>(() => Run(new Mod(), Tensor.Vector(1), Tensor.Vector(0)));
        Assert.Contains("divided by 0", e.Message);
        Assert.Throws<NabiException>(() => Run(new Div(), Tensor.Vector(1), Tensor.Vector(0)));
    }

    [Fact]
    public void The_smallest_integer_overflows_without_a_fault()
    {
        var smallest = Tensor.Vector(int.MinValue);
        Assert.Equal([int.MinValue], Run(new Abs(), smallest).ToInt64());
        Assert.Equal([int.MinValue], Run(new Div(), smallest, Tensor.Vector(-1)).ToInt64());
        Assert.Equal([0L], Run(new Mod(), smallest, Tensor.Vector(-1)).ToInt64());
    }

    [Fact]
    public void Max_Min_Relu_Clip_and_Sign_keep_NaN()
    {
        var nan = Tensor.Vector(float.NaN);
        var one = Tensor.Vector(1f);
        foreach (var y in new[] { Run(new Max(), one, nan), Run(new Min(), nan, one), Run(new Clip(), nan, Tensor.Scalar(0f)), Run(new Sign(), nan), Run(new ReduceMax(), nan) })
            Assert.True(float.IsNaN(y.ToSingle()[0]));
    }

    [Fact]
    public void Pow_takes_the_bases_type()
    {
        Assert.Equal([1L, 32, 729], Run(new Pow(), Tensor.Vector(1, 2, 3), Tensor.Vector(4f, 5f, 6f)).ToInt64());
        Assert.Equal([1f, 32f, 729f], Run(new Pow(), Tensor.Vector(1f, 2f, 3f), Tensor.Vector(4L, 5L, 6L)).ToSingle());
        Assert.Equal([1L << 62, -27, -1], Run(new Pow(), Tensor.Vector(2L, -3L, -1L), Tensor.Vector(62, 3, -5)).ToInt64());
    }

    [Fact]
    public void BitShift_by_all_bits_leaves_nothing()
    {
        Assert.Equal([128L, 0], Run(new BitShift { Direction = "LEFT" }, Tensor.Vector<byte>(1, 1), Tensor.Vector<byte>(7, 8)).ToInt64());
        Assert.Equal([1L, 0], Run(new BitShift { Direction = "RIGHT" }, Tensor.Vector<byte>(128, 1), Tensor.Vector<byte>(7, 255)).ToInt64());
    }

    [Fact]
    public void Activations_have_their_values_at_one_and_minus_one()
    {
        var x = Tensor.Vector(-1.0, 1.0);
        void Gives(Op op, double atMinusOne, double atOne)
        {
            var y = Run(op, x).Span<double>();
            Assert.Equal(atMinusOne, y[0], 6);
            Assert.Equal(atOne, y[1], 6);
        }

        Gives(new Elu(), -0.632120559, 1);
        Gives(new Selu(), -1.111330738, 1.050700987);
        Gives(new Celu { Alpha = 2 }, -0.786938681, 1);
        Gives(new Softplus(), 0.313261688, 1.313261688);
        Gives(new Sigmoid(), 0.268941421, 0.731058579);
        Gives(new HardSigmoid(), 0.3, 0.7);
        Gives(new HardSwish(), -1 / 3.0, 2 / 3.0);
        Gives(new Gelu(), -0.158655254, 0.841344746);
        Gives(new Gelu { Approximate = "tanh" }, -0.158808010, 0.841191990);
        Gives(new Mish(), -0.303401461, 0.865098388);
        Gives(new Swish(), -0.268941421, 0.731058579);
        Gives(new Shrink { Lambd = 0.5f, Bias = 0.25f }, -0.75, 0.75);
        Gives(new ThresholdedRelu(), 0, 0);
    }

    [Fact]
    public void Softmax_of_large_numbers_does_not_overflow()
    {
        Assert.Equal([0.5f, 0.5f], Run(new Softmax(), Tensor.Vector(10000f, 10000f)).ToSingle());
        Assert.Equal(-MathF.Log(2), Run(new LogSoftmax(), Tensor.Vector(10000f, 10000f)).ToSingle()[0], 6);
        Assert.Equal(10000 + MathF.Log(2), Run(new ReduceLogSumExp(), Tensor.Vector(10000f, 10000f)).ToSingle()[0], 2);
    }

    [Fact]
    public void Hardmax_and_ArgMax_take_the_first_of_equals_unless_told()
    {
        var x = Tensor.Of<float>([2, 3], 3, 3, 1, 0, 4, 4);
        Assert.Equal([1f, 0, 0, 0, 1, 0], Run(new Hardmax(), x).ToSingle());
        Assert.Equal([0L, 1], Run(new ArgMax { Axis = 1 }, x).ToInt64());
        Assert.Equal([1L, 2], Run(new ArgMax { Axis = 1, SelectLastIndex = true }, x).ToInt64());
        Assert.Equal([1L, 0, 0], Run(new ArgMin { Keepdims = false }, x).ToInt64());
    }

    [Fact]
    public void Reductions_of_nothing_give_their_neutral_element()
    {
        var none = Tensor.Zeros(DType.Float32, [2, 0]);
        float Of(Op op) => Run(op, none, Tensor.Vector(1L)).ToSingle()[1];
        Assert.Equal(0, Of(new ReduceSum()));
        Assert.Equal(1, Of(new ReduceProd()));
        Assert.Equal(float.NegativeInfinity, Of(new ReduceMax()));
        Assert.Equal(float.PositiveInfinity, Of(new ReduceMin()));
        Assert.Equal(float.NegativeInfinity, Of(new ReduceLogSumExp()));
        Assert.Equal(float.NegativeInfinity, Of(new ReduceLogSum()));
        Assert.Equal([0L], Run(new ReduceMax(), Tensor.Zeros(DType.Bool, [0])).ToInt64());
        Assert.Equal([(long)int.MinValue], Run(new ReduceMax(), Tensor.Zeros(DType.Int32, [0])).ToInt64());
    }

    [Fact]
    public void CumSum_may_leave_itself_out_and_come_from_the_end()
    {
        var x = Tensor.Vector(1, 2, 3);
        var axis = Tensor.Scalar(0);
        Assert.Equal([1L, 3, 6], Run(new CumSum(), x, axis).ToInt64());
        Assert.Equal([0L, 1, 3], Run(new CumSum { Exclusive = true }, x, axis).ToInt64());
        Assert.Equal([6L, 5, 3], Run(new CumSum { Reverse = true }, x, axis).ToInt64());
        Assert.Equal([5L, 3, 0], Run(new CumSum { Reverse = true, Exclusive = true }, x, axis).ToInt64());
    }

    [Fact]
    public void Equal_extremes_share_the_gradient()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [4]);
        b.Output("dx", Gradients.Add(b, b.ReduceMax(x, [], keepdims: false), [x])[0]);
        var dx = ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor> { ["x"] = Tensor.Vector(1f, 5f, 5f, 2f) })["dx"];
        Assert.Equal([0f, 0.5f, 0.5f, 0f], dx.ToSingle());
    }

    [Theory]
    [InlineData(new[] { 2f, 3f, 4f }, new[] { 12f, 8f, 6f })]
    [InlineData(new[] { 2f, 0f, 4f }, new[] { 0f, 8f, 0f })]
    [InlineData(new[] { 0f, 0f, 4f }, new[] { 0f, 0f, 0f })]
    public void The_gradient_of_a_product_holds_at_zeros(float[] at, float[] expected)
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [3]);
        b.Output("dx", Gradients.Add(b, b.Apply(new ReduceProd { Keepdims = false }, x), [x])[0]);
        Assert.Equal(expected, ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor> { ["x"] = Tensor.Vector<float>(at) })["dx"].ToSingle());
    }

    [Fact]
    public void Gradients_hold_for_a_batch_known_only_when_run()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 2]);
        var loss = b.ReduceMean(b.ReduceLogSumExp(b.Gelu(x), [1], keepdims: false), [], keepdims: false);
        b.Output("dx", Gradients.Add(b, loss, [x])[0]);
        var graph = b.Build();
        var one = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["x"] = Tensor.Of<float>([1, 2], 1, 2) })["dx"].ToSingle();
        var two = ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["x"] = Tensor.Of<float>([2, 2], 1, 2, 1, 2) })["dx"].ToSingle();
        Assert.Equal(one[0] / 2, two[2], 6);
        Assert.Equal(one[1] / 2, two[1], 6);
    }

    [Theory]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    public void Sixteen_bit_floats_are_computed_in_32_and_rounded_once(DType dtype)
    {
        var x = Tensor.Vector(0.1f, -1.7f, 3.3f).Cast(dtype);
        foreach (var op in new Op[] { new Gelu(), new Mish(), new Softmax(), new Tanh(), new CumSum(), new ReduceL2() })
        {
            var inputs = op is CumSum ? new[] { x, Tensor.Scalar(0) } : [x];
            var wide = inputs.Select(t => t.DType == dtype ? t.Cast(DType.Float32) : t).ToArray();
            Assert.Equal(Run(op, wide).Cast(dtype).ToSingle(), Run(op, inputs).ToSingle());
        }
    }

    [Fact]
    public void Einsum_agrees_with_the_operators_it_generalises()
    {
        var (a, b) = (TestSuite.OperatorCases.Float(2, 3, 4), TestSuite.OperatorCases.Float(2, 4, 2));
        Assert.Equal(Run(new MatMul(), a, b).ToSingle(), Run(new Einsum { Equation = "bij, bjk -> bik" }, a, b).ToSingle());
        Assert.Equal(Run(new Transpose { Perm = [0, 2, 1] }, a).ToSingle(), Run(new Einsum { Equation = "...ij->...ji" }, a).ToSingle());
        Assert.Equal(Run(new Transpose { Perm = [2, 0, 1] }, a).ToSingle(), Run(new Einsum { Equation = "bca" }, a).ToSingle());
        var square = Tensor.Of<int>([2, 2], 1, 2, 3, 4);
        Assert.Equal(5, Run(new Einsum { Equation = "ii" }, square).Item());
        Assert.Equal([1L, 4], Run(new Einsum { Equation = "ii->i" }, square).ToInt64());
    }

    [Theory]
    [InlineData("ij,jk->ik", "2 operands")]
    [InlineData("ijk->i", "rank 2")]
    [InlineData("ii->i", "size 3")]
    [InlineData("ij->x", "letters of its inputs")]
    [InlineData("ij->ii", "letters of its inputs")]
    [InlineData("i1->i", "not letters")]
    [InlineData("......->", "not letters")]
    public void A_wrong_equation_says_why(string equation, string because)
    {
        var b = new GraphBuilder("g");
        Assert.Contains(because, Assert.Throws<NabiException>(() => b.Einsum(equation, b.Input("x", DType.Float32, [2, 3]))).Message);
    }

    [Fact]
    public void Determinants_by_hand()
    {
        Assert.Equal(-2, Run(new Det(), Tensor.Of<float>([2, 2], 1, 2, 3, 4)).Item(), 6);
        Assert.Equal(-1, Run(new Det(), Tensor.Of<float>([2, 2], 0, 1, 1, 0)).Item(), 6);
        Assert.Equal(0, Run(new Det(), Tensor.Of<float>([2, 2], 1, 2, 2, 4)).Item(), 6);
        Assert.Equal(1, Run(new Det(), Tensor.Zeros(DType.Float32, [0, 0])).Item());
    }

    [Fact]
    public void Windows_are_zero_at_the_start_and_one_in_the_middle()
    {
        var hann = Run(new HannWindow(), Tensor.Scalar(8)).ToSingle();
        Assert.Equal(0, hann[0], 6);
        Assert.Equal(1, hann[4], 6);
        var blackman = Run(new BlackmanWindow { Periodic = false }, Tensor.Scalar(9)).ToSingle();
        Assert.Equal(0, blackman[0], 6);
        Assert.Equal(1, blackman[4], 6);
        Assert.Equal(blackman[1], blackman[7], 6);
    }

    private static Tensor Run(Op op, params Tensor?[] inputs) => op.Evaluate(new EvalContext(inputs, 1, new Rng(0)))[0];
}
