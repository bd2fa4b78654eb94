using Nabi.Ops;

namespace Nabi.Core.Tests.Operators;

public class RandomTests
{
    [Fact]
    public void Normal_and_uniform_numbers_have_their_moments()
    {
        var normal = Run(new RandomNormal { Mean = 3, Scale = 2, Shape = [20000], Dtype = DType.Float64 }).ToSingle();
        Assert.Equal(3, normal.Average(), 0.05);
        Assert.Equal(4, normal.Average(v => (v - 3) * (v - 3)), 0.2);
        var uniform = Run(new RandomUniform { Low = -1, High = 2, Shape = [20000] }).ToSingle();
        Assert.InRange(uniform.Min(), -1, -0.99);
        Assert.InRange(uniform.Max(), 1.99, 2);
        Assert.Equal(0.5, uniform.Average(), 0.05);
    }

    [Fact]
    public void Like_takes_shape_and_type_unless_told_another()
    {
        var like = Tensor.Zeros(DType.Float16, [3, 4]);
        Assert.Equal(like.Type, Run(new RandomNormalLike(), like).Type);
        Assert.Equal(new TensorType(DType.Float64, [3, 4]), Run(new RandomUniformLike { Dtype = DType.Float64 }, like).Type);
    }

    [Fact]
    public void Bernoulli_draws_with_the_given_chance()
    {
        var y = Run(new Bernoulli { Dtype = DType.Int32 }, Tensor.Full([20000], 0.3f));
        Assert.Equal(DType.Int32, y.DType);
        Assert.Equal(0.3, y.ToInt64().Average(), 0.02);
        Assert.All(y.ToInt64(), v => Assert.InRange(v, 0, 1));
    }

    [Fact]
    public void Multinomial_draws_classes_by_weight()
    {
        var y = Run(new Multinomial { SampleSize = 20000 }, Tensor.Of<float>([1, 3], MathF.Log(1), MathF.Log(2), float.NegativeInfinity)).ToInt64();
        Assert.Equal(2 / 3.0, y.Average(), 0.02);
        Assert.DoesNotContain(2, y);
    }

    [Fact]
    public void A_seed_repeats_and_the_runs_generator_goes_on()
    {
        var seeded = new RandomNormal { Shape = [4], Seed = 5f };
        Assert.Equal(Run(seeded).ToSingle(), Run(seeded, new Rng(9)).ToSingle());
        var free = new RandomNormal { Shape = [4] };
        var rng = new Rng(9);
        Assert.NotEqual(Run(free, rng).ToSingle(), Run(free, rng).ToSingle());
        Assert.False(seeded.IsDeterministic);
    }

    private static Tensor Run(Op op, params Tensor[] inputs) => op.Evaluate(new EvalContext(inputs, 1, new Rng(0)))[0];

    private static Tensor Run(Op op, Rng rng) => op.Evaluate(new EvalContext([], 1, rng))[0];
}
