using Nabi.Ops;
using Nabi.Training.Data;

namespace Nabi.Training.Tests;

public class EvaluatorTests
{
    [Fact]
    public void It_counts_what_the_scores_say()
    {
        // The scores are the samples themselves: the prediction is the position of the largest of six.
        float[] samples = [9, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 4, 3, 2, 1, 9];
        var data = DataSet.Of("d", [6], samples, [0, 0, 1], ["a", "b", "c", "d", "e", "f"]);
        var b = new GraphBuilder("identity");
        b.Output("y", b.Apply(new Identity(), b.Input("x", DType.Float32, [Shape.Unknown, 6])));
        var result = Evaluator.Evaluate(b.Build(), data, new EvaluationOptions { BatchSize = 2 });
        Assert.Equal((3, 1, 2), (result.Samples, result.Correct, result.CorrectTop5));
        Assert.Equal([0, 1, 5], result.Predictions);
        Assert.Equal([1, 1, 0, 0, 0, 0], result.Confusion[0]);
        var expected = Enumerable.Range(0, 3).Average(i =>
        {
            var row = samples.Skip(i * 6).Take(6).Select(v => (double)v).ToArray();
            return Math.Log(row.Sum(Math.Exp)) - row[i == 2 ? 1 : 0];
        });
        Assert.Equal(expected, result.Loss, 6);
        Assert.Equal(1, result.AgreementWith(result));
    }

    [Fact]
    public void Probabilities_and_channels_last_and_fixed_batches_give_the_same_answer()
    {
        var data = Glyphs.Draw(10, 30).Test;
        var model = SmallModels.Cnn();
        var plain = Evaluator.Evaluate(model, data);

        var withSoftmax = Evaluator.Evaluate(Around(model, x => x, (b, y) => b.Apply(new Softmax(), y)), data);
        var nhwc = Evaluator.Evaluate(Around(model, shape => [Shape.Unknown, 28, 28, 1], (_, y) => y), data);
        var one = Evaluator.Evaluate(model.WithInputShapes(new Dictionary<string, Shape> { ["x"] = [7, 1, 28, 28] }), data);
        foreach (var other in new[] { withSoftmax, nhwc, one })
        {
            Assert.Equal(plain.Predictions, other.Predictions);
            Assert.Equal(plain.Loss, other.Loss, 4);
        }
        Assert.Equal(Evaluator.Logits(model, data).Shape, [30, 10]);
    }

    [Fact]
    public void Recalibrated_statistics_are_those_of_the_data()
    {
        var data = Glyphs.Draw(100, 10).Train;
        var model = SmallModels.Cnn();
        var recalibrated = BatchNormRecalibration.Recalibrate(model, data, batches: 1, batchSize: 100);
        Assert.Equal(model.Nodes.Count, recalibrated.Nodes.Count);
        // Normalized with the statistics of these very samples, every channel has mean 0 and variance 1 before scale and shift.
        var rewriter = new Rewriter(recalibrated);
        foreach (var node in recalibrated.Nodes) rewriter.Visit(node, null);
        rewriter.Builder.Output("norm", rewriter[recalibrated.Nodes.Single(n => n.Op is BatchNormalization).Output]);
        var loader = new BatchLoader(data, new BatchOptions { BatchSize = 100, Normalization = Normalization.None(1) });
        foreach (var batch in loader.Epoch(0))
        {
            var y = ReferenceEvaluator.Run(rewriter.Builder.Build(), new Dictionary<string, Tensor> { ["x"] = batch.Inputs })["norm"].ToSingle();
            Assert.Equal(0, y.Average(), 3);
            Assert.Equal(1, y.Average(v => v * v), 2);
        }
    }

    [Fact]
    public void The_way_a_model_was_trained_with_is_found()
    {
        var data = Glyphs.Draw(200, 10).Train;
        var raw = new TrainingOptions { Epochs = 10, BatchSize = 20, Normalization = Normalization.RawBytes(1), Optimizer = new Adam(), LearningRate = 0.003 };
        var model = new Trainer(SmallModels.Cnn(), data, raw).Run().Model.WithMetadata(new Dictionary<string, string>());
        var trials = NormalizationSearch.Try(model, data);
        Assert.Equal("0 to 255", trials[0].Name);
        Assert.Equal(4, trials.Count);
        Assert.True(trials[0].Accuracy > trials[1].Accuracy + 0.1, string.Join("; ", trials));
    }

    [Fact]
    public void A_model_exported_for_one_sample_takes_batches()
    {
        var rng = new Rng(2);
        var b = new GraphBuilder("one");
        var x = b.Input("x", DType.Float32, [1, 1, 28, 28]);
        var weight = Tensor.Empty(DType.Float32, [784, 10]);
        foreach (ref var w in weight.Span<float>()) w = (float)rng.NextGaussian() * 0.05f;
        b.Output("y", b.MatMul(b.Reshape(x, [1, 784]), b.Parameter("weight", weight)));
        var model = b.Build();
        var data = Glyphs.Draw(10, 30).Test;

        var open = OpenBatch.Of(model);
        Assert.Equal([Shape.Unknown, 10], open.Outputs[0].Value.Shape);
        using var session = new Runtime.Session(model);
        var reader = new SampleReader(data, Normalization.None(1));
        var sample = Tensor.Empty(DType.Float32, [1, 1, 28, 28]);
        var predictions = Evaluator.Evaluate(model, data).Predictions;
        for (var i = 0; i < data.Count; i++)
        {
            reader.Read(i, sample.Span<float>());
            var scores = session.Run(new Dictionary<string, Tensor> { ["x"] = sample })["y"].ToSingle();
            Assert.Equal(Array.IndexOf(scores, scores.Max()), predictions[i]);
        }
        var trained = new Trainer(model, data, new TrainingOptions { Epochs = 1, BatchSize = 10 }).Run().Model;
        Assert.Equal([1, 1, 28, 28], trained.Inputs[0].Shape);
        Assert.NotEqual(weight.ToSingle(), trained.Parameter("weight")!.Data!.ToSingle());
    }

    private static Graph Around(Graph model, Func<Shape, Shape> input, Func<GraphBuilder, Value, Value> output)
    {
        var b = new GraphBuilder(model.Name);
        var map = new Dictionary<Value, Value>();
        var x = b.Input("x", DType.Float32, input([Shape.Unknown, 1, 28, 28]));
        map[model.Inputs[0]] = x.Shape[3] == 1 ? b.Transpose(x, 0, 3, 1, 2) : x;
        foreach (var p in model.Parameters) map[p] = b.Parameter(p.Name, p.Data!, p.IsTrainable);
        foreach (var node in model.Nodes) map[node.Output] = b.Apply(node.Op, [.. node.Inputs.Select(i => i is null ? null : map[i])]);
        b.Output("y", output(b, map[model.Outputs[0].Value]));
        return b.Build();
    }
}
