using Nabi.Compression.Pruning;
using Nabi.Compression.Pruning.WeightCriteria;
using Nabi.Compression.Quantization;
using Nabi.Training.Data;

namespace Nabi.Compression.Tests.Pruning;

public class WeightCriteriaTests
{
    private static readonly float[] Weights = [3, -4, 0, 1];

    private static float[] Score(WeightCriterion criterion) =>
        criterion.Score(new WeightView("w", Weights, new Rng(1), gradients: [1, -0.5f, 9, -2], curvature: [2, 0, 5, 3]));

    [Fact]
    public void Magnitude_is_the_absolute_weight() => Assert.Equal([3, 4, 0, 1], Score(new Magnitude()));

    [Fact]
    public void Taylor_is_the_first_order_change_of_the_loss() => Assert.Equal([3, 2, 0, 2], Score(new Taylor()));

    [Fact]
    public void Obd_is_the_second_order_change_of_the_loss() => Assert.Equal([9, 0, 0, 1.5f], Score(new Obd()));

    [Fact]
    public void Lamp_divides_by_the_squares_of_all_weights_as_large() => Assert.Equal([9f / 25, 1, 0, 1f / 26], Score(new Lamp()));

    [Fact]
    public void Random_depends_on_the_seed_only() =>
        Assert.Equal(Score(new Compression.Pruning.WeightCriteria.Random()), Score(new Compression.Pruning.WeightCriteria.Random()));

    [Fact]
    public void Every_criterion_is_found_by_name() => Assert.Equal(["lamp", "magnitude", "obd", "random", "taylor"], Named<WeightCriterion>.Names);

    [Fact]
    public void The_curvature_is_the_second_derivative_of_the_loss()
    {
        var data = Samples();
        var graph = ConvNet();
        var context = TinyNet.Context with { Training = data, Calibration = data, BatchSize = 5 };
        var found = LossCurvature.Diagonal(graph, ["conv", "dense"], CalibrationBatches.Of(graph, context, data.Count), 6000, new Rng(3), context);
        foreach (var (name, curvature) in found)
        {
            for (var i = 0; i < curvature.Length; i++)
            {
                // An estimate from 6000 probes of 3 batches: relative deviation about sqrt(2 / 6000) = 1.8 %.
                var expected = SecondDifference(graph, data, name, i);
                Assert.True(Math.Abs(curvature[i] - expected) <= 0.08 * Math.Abs(expected) + 2e-4, $"{name}[{i}]: {curvature[i]}, by differences {expected}");
            }
        }
    }

    // (L(w + e) - 2 L(w) + L(w - e)) / e^2 of the mean cross entropy, by the reference evaluator.
    private static double SecondDifference(Graph graph, DataSet data, string name, int index)
    {
        const float E = 0.02f;
        return (Loss(E) - 2 * Loss(0) + Loss(-E)) / ((double)E * E);

        double Loss(float change)
        {
            var weights = graph.Parameter(name)!.Data!.Copy();
            weights.Span<float>()[index] += change;
            var moved = graph.WithParameters(new Dictionary<string, Tensor> { [name] = weights });
            var loader = new BatchLoader(data, ModelBatches.Options(graph, data, data.Count));
            var sum = 0.0;
            foreach (var batch in loader.Epoch(0))
            {
                var scores = ReferenceEvaluator.Run(moved, new Dictionary<string, Tensor> { ["x"] = batch.Inputs })["scores"].ToSingle();
                for (var n = 0; n < data.Count; n++)
                {
                    var row = scores.AsSpan(n * 3, 3).ToArray();
                    sum += Math.Log(row.Sum(s => Math.Exp(s))) - row[batch.Labels[n]];
                }
            }
            return sum / data.Count;
        }
    }

    private static DataSet Samples()
    {
        var rng = new Rng(4);
        var pixels = new byte[13 * 16];
        foreach (ref var p in pixels.AsSpan()) p = (byte)rng.Next(256);
        return DataSet.Of("small", [1, 4, 4], pixels, [.. Enumerable.Range(0, 13).Select(i => i % 3)], ["a", "b", "c"]);
    }

    // Shared weights (a convolution), a kink and a dense layer; away from the kinks by its biases.
    private static Graph ConvNet()
    {
        var rng = new Rng(9);
        var b = new GraphBuilder("curved");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 1, 4, 4]);
        var y = b.Relu(b.Conv(x, Weight("conv", 2, 1, 3, 3), b.Parameter("bias", Tensor.Of([2], 2f, 2f))));
        b.Output("scores", b.Dense(b.Flatten(y), Weight("dense", 3, 8), b.Parameter("shift", Tensor.Of([3], 0f, 0.5f, -0.5f))));
        return b.Build();

        Value Weight(string name, params int[] dims)
        {
            var data = Tensor.Empty(DType.Float32, Shape.Create(dims));
            foreach (ref var w in data.Span<float>()) w = (float)rng.NextGaussian() * 0.4f;
            return b.Parameter(name, data);
        }
    }
}
