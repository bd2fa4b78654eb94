using Nabi.Training.Data;

namespace Nabi.Training.Tests;

public class MutualTrainingTests
{
    [Fact]
    public void Each_network_follows_its_labels_and_the_others_predictions()
    {
        // Scores w x of one feature x = 2; the gradient of CE + KL(q || p) with q given is (p - t) x + (p - q) x.
        var data = DataSet.Of("one", [1], [2f], [0], ["a", "b"]);
        double[][] weights = [[0.5, -0.25], [-0.75, 1]];
        var options = new TrainingOptions { Epochs = 1, BatchSize = 1, LearningRate = 0.1, Schedule = new Constant(), Optimizer = new Sgd { Momentum = 0, WeightDecay = 0 }, Normalization = Normalization.None(1) };
        var networks = weights.Select(Linear).ToArray();
        var trained = new MutualTraining(networks, data, options, threads: 1).Run();
        double[][] p = [.. weights.Select(Probabilities)];
        for (var k = 0; k < 2; k++)
        {
            var after = trained[k].Model.Parameter("weight")!.Data!.ToSingle();
            for (var c = 0; c < 2; c++)
                Assert.Equal(weights[k][c] - 0.1 * 2 * (p[k][c] - (c == 0 ? 1 : 0) + p[k][c] - p[1 - k][c]), after[c], 1e-5);
        }
    }

    [Fact]
    public void Networks_of_a_cohort_agree_more_than_networks_trained_alone()
    {
        var splits = Glyphs.Draw(200, 200);
        var options = new TrainingOptions { Epochs = 8, BatchSize = 20 };
        Graph[] networks = [SmallModels.Cnn(seed: 1), SmallModels.Cnn(seed: 2, channels: 8)];
        var alone = networks.Select(n => new Trainer(n, splits.Train, options) { Threads = 1 }.Run().Model).ToArray();
        var together = new MutualTraining(networks, splits.Train, options, threads: 1).Run().Select(r => r.Model).ToArray();
        double Agreement(Graph[] pair) => Evaluator.Evaluate(pair[0], splits.Test).AgreementWith(Evaluator.Evaluate(pair[1], splits.Test));
        Assert.True(Agreement(together) > Agreement(alone) + 0.02, $"{Agreement(alone)} alone, {Agreement(together)} together");
        Assert.Equal(networks[1].Parameters.Select(p => p.Type), together[1].Parameters.Select(p => p.Type));
    }

    [Fact]
    public void What_cannot_be_a_cohort_is_said()
    {
        var data = Glyphs.Draw(20, 10).Train;
        string Said(params Graph[] networks) => Assert.Throws<NabiException>(() => new MutualTraining(networks, data, new TrainingOptions { BatchSize = 4 })).Message;
        Assert.Contains("two networks", Said(SmallModels.Cnn()));
        Assert.Contains("does not take what", Said(SmallModels.Cnn(), SmallModels.Cnn(size: 20)));
    }

    private static Graph Linear(double[] weights)
    {
        var b = new GraphBuilder("linear");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 1]);
        b.Output("y", b.MatMul(x, b.Parameter("weight", Tensor.Of([1, 2], Array.ConvertAll(weights, w => (float)w)))));
        return b.Build();
    }

    private static double[] Probabilities(double[] weights)
    {
        var e = Array.ConvertAll(weights, w => Math.Exp(2 * w));
        return Array.ConvertAll(e, x => x / e.Sum());
    }
}
