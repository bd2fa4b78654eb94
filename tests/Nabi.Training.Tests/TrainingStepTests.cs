using Nabi.Ops;
using Nabi.Training.Data;

namespace Nabi.Training.Tests;

/// <summary>Single steps against numbers computed by hand from the published formulas.</summary>
public class TrainingStepTests
{
    // One feature, two classes: logits (w0 x, w1 x). The gradient of cross entropy is (p - t) x.
    private static readonly double[] Weights = [0.5, -0.25];
    private const double X = 2;

    [Fact]
    public void Sgd_with_nesterov_momentum_and_decay_follows_its_formula()
    {
        var w = (double[])Weights.Clone();
        var velocity = new double[2];
        for (var step = 0; step < 3; step++)
        {
            var gradient = Gradient(w);
            for (var i = 0; i < 2; i++)
            {
                var g = gradient[i] + 0.01 * w[i];
                velocity[i] = 0.9 * velocity[i] + g;
                w[i] -= 0.1 * (g + 0.9 * velocity[i]);
            }
        }
        AssertNear(w, Run(new TrainingOptions { Optimizer = new Sgd { WeightDecay = 0.01 } }, 3));
    }

    [Fact]
    public void Adam_and_AdamW_follow_their_formulas()
    {
        foreach (var isDecoupled in new[] { false, true })
        {
            var w = (double[])Weights.Clone();
            var (m, v) = (new double[2], new double[2]);
            for (var t = 1; t <= 3; t++)
            {
                var gradient = Gradient(w);
                for (var i = 0; i < 2; i++)
                {
                    var g = gradient[i] + (isDecoupled ? 0 : 0.01 * w[i]);
                    m[i] = 0.9 * m[i] + 0.1 * g;
                    v[i] = 0.999 * v[i] + 0.001 * g * g;
                    if (isDecoupled) w[i] -= 0.1 * 0.01 * w[i];
                    w[i] -= 0.1 * (m[i] / (1 - Math.Pow(0.9, t))) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.999, t))) + 1e-8);
                }
            }
            AssertNear(w, Run(new TrainingOptions { Optimizer = isDecoupled ? new AdamW { WeightDecay = 0.01 } : new Adam { WeightDecay = 0.01 } }, 3));
        }
    }

    [Fact]
    public void RmsProp_follows_its_formula()
    {
        var w = (double[])Weights.Clone();
        var square = new double[2];
        for (var step = 0; step < 3; step++)
        {
            var gradient = Gradient(w);
            for (var i = 0; i < 2; i++)
            {
                square[i] = 0.99 * square[i] + 0.01 * gradient[i] * gradient[i];
                w[i] -= 0.1 * gradient[i] / (Math.Sqrt(square[i]) + 1e-8);
            }
        }
        AssertNear(w, Run(new TrainingOptions { Optimizer = new RmsProp() }, 3));
    }

    // Chen et al. 2020, equations 9 and 10: without momentum and decay every adder layer moves by rate eta sqrt(k), however large its gradient is.
    [Fact]
    public void Adder_filters_move_equally_far_in_every_layer()
    {
        var b = new GraphBuilder("adders");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 2, 4, 4]);
        var (near, far) = (Filter("near", 0.1f, 3, 2), Filter("far", 30, 5, 3));
        var h = b.Apply(new AdderConv { Window = Window.Of(3, pad: 1) }, b.Apply(new AdderConv { Window = Window.Of(3, pad: 1) }, x, near), far);
        var pooled = b.Apply(new Flatten(), b.Apply(new GlobalAveragePool(), h));
        b.Output("y", b.Apply(new Gemm { TransB = true }, b.Mul(pooled, 1e-3), b.Parameter("dense", Tensor.Of([2, 5], [.. Enumerable.Range(0, 10).Select(i => 0.1f * i - 0.5f)]))));
        var (scaled, plain) = (Moves(0.2), Moves(null));
        Assert.Equal(0.1 * 0.2 * Math.Sqrt(54), scaled["near"], 1e-4);
        Assert.Equal(0.1 * 0.2 * Math.Sqrt(135), scaled["far"], 1e-4);
        Assert.Equal(plain["dense"], scaled["dense"], 1e-7);
        Assert.NotEqual(plain["near"] / Math.Sqrt(54), plain["far"] / Math.Sqrt(135), 0.5 * plain["far"] / Math.Sqrt(135));

        Value Filter(string name, float scale, int filters, int channels)
        {
            var rng = new Rng(7);
            return b.Parameter(name, Tensor.Of([filters, channels, 3, 3], [.. Enumerable.Range(0, filters * channels * 9).Select(_ => scale * (float)rng.NextGaussian())]));
        }

        Dictionary<string, double> Moves(double? rate)
        {
            var model = b.Build();
            var options = new TrainingOptions { BatchSize = 2, Optimizer = new Sgd { Momentum = 0, WeightDecay = 0 }, AdderRate = rate };
            var step = TrainingStep.Build(model, options);
            using var session = new Runtime.Session(step.Graph, new Runtime.SessionOptions { Threads = 1 });
            session.Run(new Dictionary<string, Tensor>
            {
                [step.Input] = Tensor.Of([2, 2, 4, 4], [.. Enumerable.Range(0, 64).Select(i => MathF.Sin(i))]),
                [step.Targets] = Tensor.Of([2, 2], [1f, 0, 0, 1]),
                [step.Rate] = Tensor.Scalar(0.1f),
                [step.Number] = Tensor.Scalar(1f),
            });
            var after = step.Model();
            return model.Parameters.Where(p => p.IsTrainable).ToDictionary(p => p.Name,
                p => Math.Sqrt(p.Data!.ToSingle().Zip(after.Parameter(p.Name)!.Data!.ToSingle(), (v, w) => Math.Pow(v - w, 2)).Sum()));
        }
    }

    [Fact]
    public void Clipping_scales_the_common_norm_to_the_limit()
    {
        var w = (double[])Weights.Clone();
        var gradient = Gradient(w);
        var norm = Math.Sqrt(gradient.Sum(g => g * g));
        for (var i = 0; i < 2; i++) w[i] -= 0.1 * gradient[i] * 0.05 / norm;
        AssertNear(w, Run(new TrainingOptions { Optimizer = new Sgd { Momentum = 0, WeightDecay = 0 }, ClipNorm = 0.05 }, 1));
    }

    [Fact]
    public void The_average_follows_its_recurrence()
    {
        var options = new TrainingOptions { Optimizer = new Sgd { Momentum = 0, WeightDecay = 0 }, EmaDecay = 0.5 };
        var w = (double[])Weights.Clone();
        var average = (double[])w.Clone();
        for (var step = 0; step < 3; step++)
        {
            var gradient = Gradient(w);
            for (var i = 0; i < 2; i++)
            {
                w[i] -= 0.1 * gradient[i];
                average[i] = 0.25 * average[i] + 0.75 * w[i];
            }
        }
        AssertNear(average, Run(options, 3, averageDecay: 0.25f));
    }

    [Fact]
    public void Masked_weights_stay_zero_and_frozen_ones_stay()
    {
        var masks = new Dictionary<string, Tensor> { ["weight"] = Tensor.Of<float>([1, 2], 0, 1) };
        var w = Run(new TrainingOptions { Optimizer = new Sgd() }, 3, masks: masks);
        Assert.Equal(0, w[0]);
        Assert.NotEqual((float)Weights[1], w[1]);
        Assert.Equal("Model 'hand' has no parameters to train.",
            Assert.Throws<NabiException>(() => TrainingStep.Build(Model(), new TrainingOptions { BatchSize = 1, Frozen = ["weight"] })).Message);
    }

    [Fact]
    public void Smoothed_targets_sum_to_one_and_distillation_is_hintons_sum()
    {
        var b = new GraphBuilder("g");
        var (logits, targets, teacher) = (b.Input("logits", DType.Float32, [2, 3]), b.Input("targets", DType.Float32, [2, 3]), b.Input("teacher", DType.Float32, [2, 3]));
        var smoothing = new CrossEntropy(0.3);
        b.Output("smooth", smoothing.Smooth(b, targets));
        var hard = new CrossEntropy().Build(b, logits, targets);
        b.Output("hard", hard);
        b.Output("distilled", new Distillation(0.25, 3).Build(b, hard, logits, teacher));
        double[] z = [1, -2, 0.5, 0, 0.25, 3], s = [2, 1, -1, 0.5, 0, 1];
        float[] t = [1, 0, 0, 0, 0, 1];
        var results = ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor>
        {
            ["logits"] = Tensor.Of([2, 3], Array.ConvertAll(z, v => (float)v)),
            ["targets"] = Tensor.Of([2, 3], t),
            ["teacher"] = Tensor.Of([2, 3], Array.ConvertAll(s, v => (float)v)),
        });
        var smooth = results["smooth"].ToSingle();
        Assert.Equal(1, smooth[0] + smooth[1] + smooth[2], 5);
        Assert.Equal(0.8, smooth[0], 5);

        double crossEntropy = 0, divergence = 0;
        for (var row = 0; row < 2; row++)
        {
            var (plain, student, wanted) = (Softmax(z, row, 1), Softmax(z, row, 3), Softmax(s, row, 3));
            for (var c = 0; c < 3; c++)
            {
                crossEntropy -= t[row * 3 + c] * Math.Log(plain[c]) / 2;
                divergence += wanted[c] * Math.Log(wanted[c] / student[c]) / 2;
            }
        }
        Assert.Equal(crossEntropy, results["hard"].Item(), 5);
        Assert.Equal(0.75 * crossEntropy + 0.25 * 9 * divergence, results["distilled"].Item(), 5);
    }

    [Fact]
    public void Schedules_give_the_published_values()
    {
        Assert.Equal([1, 0.5, 0], new[] { 0, 50, 100 }.Select(s => Math.Round(new Cosine().Factor(s, 100), 9)));
        Assert.Equal(0.1 + 0.9 * (1 + Math.Cos(Math.PI * 0.25)) / 2, new Cosine(0.1).Factor(25, 100), 12);
        Assert.Equal([1, 0.1, 0.01], new[] { 49, 50, 75 }.Select(s => Math.Round(new StepDecay().Factor(s, 100), 9)));
        var warm = new WarmUp(new Cosine(), 0.1);
        Assert.Equal([0.1, 0.5, 1, 1, 0.5], new[] { 0, 4, 9, 10, 55 }.Select(s => Math.Round(warm.Factor(s, 100), 9)));
        Assert.Equal(1, new Constant().Factor(7, 10));
    }

    [Fact]
    public void The_model_itself_stays_as_it_is_and_batch_statistics_move()
    {
        var model = SmallModels.Cnn();
        var before = model.Parameters.ToDictionary(p => p.Name, p => p.Data!.Copy().Bytes.ToArray());
        var trainer = new Trainer(model, Glyphs.Draw(32, 10).Train, new TrainingOptions { Epochs = 1, BatchSize = 16 });
        var trained = trainer.Run().Model;
        Assert.All(model.Parameters, p => Assert.Equal(before[p.Name], p.Data!.Bytes.ToArray()));
        Assert.All(trained.Parameters.Where(p => p.Name != "unused"), p => Assert.NotEqual(before[p.Name], p.Data!.Bytes.ToArray()));
        Assert.Equal(model.Nodes.Select(n => n.Op), trained.Nodes.Select(n => n.Op));
        Assert.Empty(trained.Updates);
    }

    [Fact]
    public void Dropout_is_active_while_training_and_not_in_the_result()
    {
        var b = new GraphBuilder("dropout");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 64]);
        var dropped = b.Apply(new Ops.Dropout(), x, b.Constant(Tensor.Scalar(0.5f)));
        b.Output("y", b.MatMul(dropped, b.Parameter("weight", Tensor.Full([64, 2], 1f))));
        var step = TrainingStep.Build(b.Build(), new TrainingOptions { BatchSize = 1 });
        var feed = new Dictionary<string, Tensor>
        {
            [step.Input] = Tensor.Full([1, 64], 1f),
            [step.Targets] = Tensor.Of<float>([1, 2], 0, 1),
            [step.Rate] = Tensor.Scalar(1f),
            [step.Number] = Tensor.Scalar(1f),
        };
        var logits = ReferenceEvaluator.Run(step.Graph, feed, new Rng(1))[TrainingStep.LogitsOutput].ToSingle();
        // Kept ones count twice: an even number near 64, and only the weights of kept inputs have learned.
        Assert.InRange(logits[0], 40, 88);
        Assert.NotEqual(64, logits[0]);
        var model = step.Model();
        var weights = model.Parameter("weight")!.Data!.ToSingle();
        Assert.Equal((int)logits[0] / 2, Enumerable.Range(0, 64).Count(i => Math.Abs(weights[2 * i] - weights[2 * i + 1]) > 1e-3));
        Assert.Equal(weights.Where((_, i) => i % 2 == 0).Sum(), ReferenceEvaluator.Run(model, new Dictionary<string, Tensor> { ["x"] = feed[step.Input] })["y"].ToSingle()[0], 3);
    }

    [Fact]
    public void An_auxiliary_loss_of_the_model_is_added()
    {
        var b = new GraphBuilder("hand");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 1]);
        var weight = b.Parameter("weight", Tensor.Of<float>([1, 2], (float)Weights[0], (float)Weights[1]));
        b.Output("y", b.MatMul(x, weight));
        b.Output("auxiliary_loss", b.ReduceSum(b.Square(weight), [], keepdims: false));
        var model = b.Build();
        model = model.WithMetadata(model.Metadata.SetItem(MetadataKeys.AuxiliaryLoss, "auxiliary_loss"));
        var gradient = Gradient(Weights);
        double[] expected = [.. Weights.Select((w, i) => w - (0.1 * (gradient[i] + (2 * w))))];
        AssertNear(expected, Run(new TrainingOptions { Optimizer = new Sgd { Momentum = 0, WeightDecay = 0 } }, 1, model: model));
    }

    private static Graph Model()
    {
        var b = new GraphBuilder("hand");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 1]);
        b.Output("y", b.MatMul(x, b.Parameter("weight", Tensor.Of<float>([1, 2], (float)Weights[0], (float)Weights[1]))));
        return b.Build();
    }

    private static float[] Run(TrainingOptions options, int steps, float averageDecay = 0, IReadOnlyDictionary<string, Tensor>? masks = null, Graph? model = null)
    {
        var step = TrainingStep.Build(model ?? Model(), options with { BatchSize = 1, DecayAll = true }, masks);
        for (var i = 0; i < steps; i++)
        {
            var feed = new Dictionary<string, Tensor>
            {
                [step.Input] = Tensor.Of([1, 1], (float)X),
                [step.Targets] = Tensor.Of<float>([1, 2], 0, 1),
                [step.Rate] = Tensor.Scalar(0.1f),
                [step.Number] = Tensor.Scalar(i + 1f),
            };
            if (step.AverageDecay is { } decay) feed[decay] = Tensor.Scalar(averageDecay);
            ReferenceEvaluator.Run(step.Graph, feed);
        }
        return step.Model().Parameter("weight")!.Data!.ToSingle();
    }

    private static double[] Gradient(double[] w)
    {
        var p = Softmax([w[0] * X, w[1] * X], 0, 1);
        return [p[0] * X, (p[1] - 1) * X];
    }

    private static double[] Softmax(double[] logits, int row, double temperature)
    {
        var classes = logits.Length == 2 ? 2 : 3;
        var e = logits.Skip(row * classes).Take(classes).Select(z => Math.Exp(z / temperature)).ToArray();
        return Array.ConvertAll(e, v => v / e.Sum());
    }

    private static void AssertNear(double[] expected, float[] actual)
    {
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 2e-6);
    }
}
