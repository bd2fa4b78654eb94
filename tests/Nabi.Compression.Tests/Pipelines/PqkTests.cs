using Nabi.Compression.Pipelines;
using Nabi.Compression.Pruning;
using Nabi.Training;

namespace Nabi.Compression.Tests.Pipelines;

public class PqkTests
{
    private static readonly Pqk Short = new() { Sparsity = 0.6, Rounds = 8, PruningEpochs = 2, DistillationEpochs = 2, Rate = 0.02, WeightBits = 4, ActivationBits = 8 };

    [Fact]
    public void The_result_is_sparse_stored_as_integers_and_still_accurate()
    {
        var result = Short.Apply(TinyNet.Trained, TinyNet.Context);
        var weights = result.Parameters.Where(p => p.DType is DType.Int8 or DType.Int4).ToArray();
        Assert.NotEmpty(weights);
        double zeros = weights.Sum(w => w.Data!.ToInt64().Count(v => v == 0)), all = weights.Sum(w => w.Data!.Count);
        Assert.InRange(zeros / all, 0.6, 0.85);
        Assert.DoesNotContain(result.Nodes, n => n.Name.StartsWith("teacher", StringComparison.Ordinal));
        Assert.InRange(TinyNet.Accuracy(result), TinyNet.Accuracy(TinyNet.Trained) - 0.15, 1);
    }

    [Fact]
    public void The_teacher_is_the_original_where_the_student_kept_its_weights()
    {
        var original = TinyNet.Trained;
        var pruned = new PruneWeights { Sparsity = 0.5 }.Apply(original, TinyNet.Context);
        var both = TeacherBeside.Of(pruned, original);
        var graph = both.Graph.WithBatch(1);
        var input = Tensor.Zeros(DType.Float32, graph.Inputs[0].Shape);
        var rng = new Rng(3);
        foreach (ref var v in input.Span<float>()) v = (float)rng.NextGaussian();
        var (together, alone) = (ReferenceEvaluator.Run(graph, Feed(graph)), ReferenceEvaluator.Run(original.WithBatch(1), Feed(original)));
        Assert.Equal(alone["scores"].ToSingle(), together["teacher/scores"].ToSingle());
        Assert.Equal(ReferenceEvaluator.Run(pruned.WithBatch(1), Feed(pruned))["scores"].ToSingle(), together["scores"].ToSingle());

        Dictionary<string, Tensor> Feed(Graph g) => new() { [g.Inputs[0].Name] = input };
    }

    [Fact]
    public void Student_and_teacher_share_the_important_weights_and_only_those()
    {
        var pruned = new PruneWeights { Sparsity = 0.5 }.Apply(TinyNet.Trained, TinyNet.Context);
        var both = TeacherBeside.Of(pruned, TinyNet.Trained);
        foreach (var (name, mask) in both.Masks.Where(m => !m.Key.StartsWith("teacher", StringComparison.Ordinal)))
        {
            var other = both.Masks[$"teacher.pruned_away/{name}"].ToSingle();
            Assert.All(mask.ToSingle().Zip(other), m => Assert.Equal(1, m.First + m.Second));
            Assert.True(both.Graph.Parameter(name)!.Users.Count >= 2, $"{name} is not shared");
        }
    }

    [Fact]
    public void The_student_does_not_disturb_its_teacher()
    {
        // The gradient of the distillation with respect to what only the teacher has must be that of the teacher's own loss.
        var b = new GraphBuilder("two");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3]);
        var (mine, its) = (b.Parameter("student", Tensor.Of<float>([2, 3], [1, 2, 3, -1, 0, 1])), b.Parameter("teacher", Tensor.Of<float>([2, 3], [0, 1, 0, 1, 0, -1])));
        b.Output("scores", b.Dense(x, mine, b.Constant(Tensor.Zeros(DType.Float32, [2]))));
        b.Output("teacher/scores", b.Dense(x, its, b.Constant(Tensor.Zeros(DType.Float32, [2]))));
        var model = b.Build();
        Assert.Equal(Moved(model, new TeacherWithin(0, 4)), Moved(model, new TeacherWithin(0.9, 4)));
    }

    private static float[] Moved(Graph model, TeacherWithin guidance)
    {
        var step = TrainingStep.Build(model, new TrainingOptions { BatchSize = 2, Guidance = [guidance], Optimizer = new Sgd { Momentum = 0 } });
        var feed = new Dictionary<string, Tensor>
        {
            [step.Input] = Tensor.Of<float>([2, 3], [1, 0, 2, -1, 1, 1]), [step.Targets] = Tensor.Of<float>([2, 2], [1, 0, 0, 1]), [step.Rate] = Tensor.Scalar(0.1f), [step.Number] = Tensor.Scalar(1f),
        };
        ReferenceEvaluator.Run(step.Graph, feed);
        return step.Model().Parameter("teacher")!.Data!.ToSingle();
    }
}
