using Nabi.Models;
using Nabi.Runtime;

namespace Nabi.Training.Tests;

/// <summary>Huang et al. 2016, section 3.</summary>
public class StochasticDepthTests
{
    [Fact]
    public void Rates_rise_linearly_over_the_residual_branches_that_are_there()
    {
        var model = Zoo.Find("efficientnet-b0").Create(new ModelOptions { Input = [3, 32, 32], Classes = 10 });
        var rates = StochasticDepth.Rates(model, 0.18);
        // B0 has 16 blocks, 9 of them with a shortcut.
        Assert.Equal(9, rates.Count);
        Assert.Equal(Enumerable.Range(1, 9).Select(i => 0.02 * i), rates.Values.Select(r => r.Rate), (a, b) => Math.Abs(a - b) < 1e-12);
        // The shortcut is the second operand of the zoo's blocks.
        Assert.All(rates, r => Assert.Equal(0, r.Value.Input));
        Assert.Empty(StochasticDepth.Rates(Zoo.Find("lenet5").Create(), 0.5));
    }

    [Fact]
    public void A_branch_is_left_out_as_often_as_it_says_and_keeps_its_mean()
    {
        var b = new GraphBuilder("drop");
        b.Output("y", StochasticDepth.Drop(b, b.Input("x", DType.Float32, [1000, 2]), 0.3));
        using var session = new Session(b.Build(), new SessionOptions { Seed = 4 });
        var y = session.Run(new Dictionary<string, Tensor> { ["x"] = Tensor.Full<float>([1000, 2], 1) })["y"].ToSingle();
        for (var i = 0; i < y.Length; i += 2) Assert.Equal(y[i], y[i + 1]);
        Assert.Equal(0.3, y.Count(v => v == 0) / 2000.0, 0.05);
        Assert.Equal(1, y.Average(), 0.07);
    }
}
