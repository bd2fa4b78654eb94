using Nabi.Compression.Quantization;
using Nabi.Compression.Quantization.Sensitivities;
using Nabi.Ops;

namespace Nabi.Compression.Tests.Quantization;

public class MixedPrecisionTests
{
    [Theory]
    [InlineData(40)]
    [InlineData(71)]
    [InlineData(100)]
    public void Small_allocations_are_optimal(long budget)
    {
        var rng = new Rng(6);
        var damage = Enumerable.Range(0, 6).Select(_ => new[] { 4 * rng.NextDouble() + 2, 2 * rng.NextDouble(), 0.1 }).ToArray();
        var cost = Enumerable.Range(0, 6).Select(_ => Array.ConvertAll([2L, 4, 8], b => b * (1 + rng.Next(3)))).ToArray();
        if (cost.Sum(c => c.Min()) > budget)
        {
            Assert.Throws<NabiException>(() => BitAllocation.Choose(damage, cost, budget));
            return;
        }
        var chosen = BitAllocation.Choose(damage, cost, budget);
        Assert.True(chosen.Select((c, l) => cost[l][c]).Sum() <= budget);
        var best = Enumerable.Range(0, 729).Select(code => Enumerable.Range(0, 6).Select(l => code / (int)Math.Pow(3, l) % 3).ToArray())
            .Where(s => s.Select((c, l) => cost[l][c]).Sum() <= budget).Min(s => s.Select((c, l) => damage[l][c]).Sum());
        Assert.Equal(best, chosen.Select((c, l) => damage[l][c]).Sum(), 12);
    }

    [Fact]
    public void Large_budgets_hold()
    {
        var rng = new Rng(7);
        var cost = Enumerable.Range(0, 50).Select(_ => { var size = 1 + rng.Next(1_000_000); return new long[] { size * 4L, size * 8L }; }).ToArray();
        var damage = cost.Select(_ => new[] { rng.NextDouble(), 0.0 }).ToArray();
        var budget = cost.Sum(c => c[0]) * 5 / 4;
        var spent = BitAllocation.Choose(damage, cost, budget).Select((c, l) => cost[l][c]).Sum();
        Assert.InRange(spent, budget * 0.98, budget);
    }

    [Theory]
    [InlineData("sqnr", "bytes")]
    [InlineData("accuracy", "bops")]
    [InlineData("hessian", "bytes")]
    public void Bits_go_where_they_are_needed(string sensitivity, string budget)
    {
        var context = TinyNet.Context;
        var step = new MixedPrecision { Sensitivity = sensitivity, Budget = budget, AverageBits = 5.5, Choices = ["3", "4", "8"] };
        Assert.Null(step.Fault);
        var quantized = step.Apply(TinyNet.Trained, context);
        var types = quantized.Nodes.Where(n => n.Op is Conv or Gemm).Select(n => n.Inputs[1]!.Producer!.Inputs[0]!.DType).ToHashSet();
        Assert.Equal([DType.Int4, DType.Int8], types.Order().Reverse());
        Assert.Contains(context.Notes.Lines, l => l.StartsWith("mixed-precision: layer-bits: [", StringComparison.Ordinal));
        Assert.InRange(TinyNet.Accuracy(quantized), TinyNet.Accuracy(TinyNet.Trained) - 0.1, 1);
    }

    [Fact]
    public void Every_layer_is_timed_at_every_number_of_bits()
    {
        var prepared = QuantizationPreparation.Of(TinyNet.Trained, new QuantizationSettings(), TinyNet.Context);
        var times = LayerLatency.Measure(prepared, [4, 8, 32], TinyNet.Context);
        Assert.Equal(prepared.Layers.Count, times.Length);
        Assert.All(times.SelectMany(t => t), t => Assert.InRange(t, 1, long.MaxValue - 1));
    }

    [Theory]
    [InlineData("sqnr")]
    [InlineData("accuracy")]
    [InlineData("hessian")]
    public void Within_the_time_of_floats_the_layers_that_lose_most_stay_floats(string sensitivity)
    {
        var context = TinyNet.Context;
        var layers = Passes.FoldBatchNormalization.Pass.Apply(TinyNet.Trained).Nodes.Count(n => n.Op is Conv or Gemm);
        var mixed = new MixedPrecision { Sensitivity = sensitivity, Budget = "latency", Latency = 1, Choices = ["8", "32"] }.Apply(TinyNet.Trained, context);
        var integers = mixed.Nodes.Count(n => n.Op is Conv or Gemm && n.Inputs[1]!.Producer?.Op is DequantizeLinear);
        Assert.InRange(integers, 0, layers - 1);
        Assert.InRange(TinyNet.Accuracy(mixed), TinyNet.Accuracy(TinyNet.Trained) - 0.05, 1);
        Assert.Contains(context.Notes.Lines, l => l.Contains("in float, measured one by one", StringComparison.Ordinal));
        Assert.Contains(context.Notes.Lines, l => l.Contains("keep: [", StringComparison.Ordinal));
    }

    [Fact]
    public void Time_that_no_number_of_bits_meets_is_told()
    {
        var step = new MixedPrecision { Budget = "latency", Latency = 0.01, Choices = ["8", "32"], Samples = 32 };
        Assert.Contains("of their time in float", Assert.Throws<NabiException>(() => step.Apply(TinyNet.Trained, TinyNet.Context)).Message, StringComparison.Ordinal);
    }

    // Against central differences of the gradient: the loss of one dense layer, whose trace is known element by element.
    [Fact]
    public void Traces_are_those_of_finite_differences()
    {
        var graph = Passes.FoldBatchNormalization.Pass.Apply(TinyNet.Trained);
        var weight = graph.Nodes.Last(n => n.Op is Gemm).Inputs[1]!;
        var context = TinyNet.Context with { BatchSize = 64 };
        var trace = HessianSensitivity.Traces(graph, [weight], 64, context)[0];
        var expected = 0.0;
        for (var i = 0; i < weight.Shape.Count; i++)
        {
            double Loss(float by)
            {
                var tensor = weight.Data!.Copy();
                tensor.Span<float>()[i] += by;
                return Training.Evaluator.Evaluate(graph.WithParameters(new Dictionary<string, Tensor> { [weight.Name] = tensor }),
                    CalibrationBatches.Of(graph, context, 64).Data).Loss;
            }
            const float Step = 0.25f;
            expected += (Loss(Step) + Loss(-Step) - 2 * Loss(0)) / (Step * Step);
        }
        Assert.InRange(trace, expected * 0.6, expected * 1.5);
    }

    [Theory]
    [InlineData("eye", "bytes", "8")]
    [InlineData("sqnr", "money", "8")]
    [InlineData("sqnr", "bytes", "9")]
    [InlineData("sqnr", "bops", "32")]
    [InlineData("sqnr", "latency", "16")]
    public void Settings_that_do_not_exist_are_named(string sensitivity, string budget, string choice) =>
        Assert.NotNull(new MixedPrecision { Sensitivity = sensitivity, Budget = budget, Choices = [choice] }.Fault);
}
