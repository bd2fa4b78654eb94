using Nabi.Ops;
using Nabi.Passes;

namespace Nabi.Core.Tests.Ops;

public class GradientRoundingTests
{
    private static Graph With(int bits, float[] gradient, int samples)
    {
        var b = new GraphBuilder("g");
        var x = b.Parameter("x", Tensor.Full<float>([samples, gradient.Length / samples], 1));
        var y = b.Apply(new GradientRounding { Bits = bits }, x);
        b.Output("y", y);
        b.Output("dx", Gradients.Add(b, b.ReduceSum(b.Mul(y, b.Constant(Tensor.Of(x.Shape, gradient))), [], keepdims: false), [x])[0]);
        return b.Build();
    }

    private static float[] Rounded(Graph graph, ulong seed) => ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor>(), new Rng(seed))["dx"].ToSingle();

    /// <summary>Equation 12: every sample's gradient takes the 2^k levels between plus and minus its own largest magnitude.</summary>
    [Fact]
    public void Gradients_take_few_levels_of_their_sample()
    {
        var rng = new Rng(4);
        var gradient = new float[2 * 500];
        for (var i = 0; i < gradient.Length; i++) gradient[i] = (float)rng.NextGaussian() * (i < 500 ? 1 : 1000);
        var rounded = Rounded(With(2, gradient, 2), 1);
        foreach (var sample in new[] { ..500, 500.. })
        {
            var largest = gradient[sample].Max(Math.Abs);
            foreach (var level in rounded[sample]) Assert.Contains(new[] { -1, -1 / 3f, 1 / 3f, 1 }, l => Math.Abs(l - (level / largest)) < 1e-5);
        }
    }

    [Fact]
    public void Noise_makes_rounding_right_on_average()
    {
        float[] gradient = [1, 0.25f, -0.1f, -0.7f];
        var graph = With(2, gradient, 1);
        var mean = new double[gradient.Length];
        for (ulong seed = 0; seed < 4000; seed++)
        {
            var rounded = Rounded(graph, seed);
            for (var i = 0; i < mean.Length; i++) mean[i] += rounded[i] / 4000;
        }
        for (var i = 0; i < mean.Length; i++) Assert.Equal(gradient[i], mean[i], 0.05);
    }

    [Fact]
    public void Nothing_flows_where_nothing_came() => Assert.All(Rounded(With(8, [0, 0], 1), 3), g => Assert.Equal(0, g, 1e-20f));

    [Fact]
    public void It_leaves_nothing_behind_when_it_runs()
    {
        var graph = With(6, [1, 2], 1);
        foreach (var passes in (Pass[][])[[RemoveStraightThrough.Pass], [Standardize.Pass]]) Assert.DoesNotContain(graph.Through(passes).Nodes, n => n.Op is GradientRounding);
    }

    [Fact]
    public void Impossible_bits_are_told() => Assert.Contains("1 to 16", Assert.Throws<NabiException>(() => With(17, [1], 1)).Message, StringComparison.Ordinal);
}
