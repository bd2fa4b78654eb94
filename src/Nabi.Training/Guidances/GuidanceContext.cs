namespace Nabi.Training;

/// <summary>What a <see cref="Guidance"/> has at hand while it writes its term into the training graph.</summary>
public sealed class GuidanceContext
{
    /// <summary>What the names of parameters begin with that guidance adds to the training graph.</summary>
    internal const string Prefix = "guidance.";

    private readonly Rewriter _student;
    private readonly TrainingOptions _options;
    private readonly List<Value> _learned = [];
    private readonly Dictionary<Graph, Dictionary<Value, Value>> _teachers = [];

    internal GuidanceContext(Graph model, Rewriter student, Value logits, Value targets, TrainingOptions options)
    {
        (Model, _student, Logits, Targets, _options) = (model, student, logits, targets, options);
        Rng = new Rng(options.Seed).Fork(0x6775696465);
    }

    /// <summary>Where nodes are added.</summary>
    public GraphBuilder Builder => _student.Builder;

    /// <summary>The network under training, as it was given; its values are asked for with <see cref="Student"/>.</summary>
    public Graph Model { get; }

    /// <summary>The scores of the network, [N, classes].</summary>
    public Value Logits { get; }

    /// <summary>The share of each class, [N, classes].</summary>
    public Value Targets { get; }

    /// <summary>Samples in a batch.</summary>
    public int BatchSize => _options.BatchSize;

    /// <summary>Chance for initial weights; equal seeds give equal ones.</summary>
    public Rng Rng { get; }

    /// <summary>What was added with <see cref="Parameter"/>, in order.</summary>
    internal IReadOnlyList<Value> Learned => _learned;

    /// <summary>The value of the training graph that stands for one of <see cref="Model"/>.</summary>
    public Value Student(Value value) => _student[value];

    /// <summary>The scores of another output of <see cref="Model"/>, [N, classes], before any softmax.</summary>
    /// <param name="output">Its place among the outputs.</param>
    public Value Scores(int output) => ModelRoles.Logits(Model, _student, output);

    /// <summary>The loss on the labels for other scores than the network's own: exits, a cohort.</summary>
    /// <param name="logits">Scores, [N, classes].</param>
    public Value LabelLoss(Value logits) => _options.Loss.Build(Builder, logits, Targets);

    /// <summary>The value that a teacher's value has for this batch; the teacher runs in the training graph, as it is and without gradients.</summary>
    /// <param name="teacher">The teacher; several guidances share its run.</param>
    /// <param name="value">One of its values.</param>
    public Value Of(Graph teacher, Value value)
    {
        if (!_teachers.TryGetValue(teacher, out var map)) _teachers[teacher] = map = Run(teacher);
        return map[value];
    }

    /// <summary>Adds weights that are trained with the network and forgotten with the training graph.</summary>
    /// <param name="name">A name for people.</param>
    /// <param name="data">The initial weights.</param>
    public Value Parameter(string name, Tensor data)
    {
        var value = Builder.Parameter($"{Prefix}{name}", data);
        _learned.Add(value);
        return value;
    }

    /// <summary>Normal weights with deviation sqrt(2 / inputs of an output), for layers before a ReLU: He et al. 2015, equation 10.</summary>
    /// <param name="name">A name for people.</param>
    /// <param name="shape">[outputs, ...].</param>
    public Value Weight(string name, Shape shape)
    {
        var tensor = Tensor.Empty(DType.Float32, shape);
        var deviation = Math.Sqrt(2.0 / shape.CountOf(1, shape.Rank));
        foreach (ref var w in tensor.Span<float>()) w = (float)(deviation * Rng.NextGaussian());
        return Parameter(name, tensor);
    }

    private Dictionary<Value, Value> Run(Graph teacher)
    {
        if (Verifier.FirstNonFinite(teacher) is { } fault) throw new NabiException(fault);
        var input = _student[Model.Inputs[0]];
        if (teacher.Inputs is not [{ DType: DType.Float32 } asked] || !asked.Shape.Accepts(input.Shape))
            throw new NabiException($"Teacher '{teacher.Name}' does not take the samples {input.Shape} of student '{Model.Name}'; give a teacher with the same input.");
        var map = new Dictionary<Value, Value> { [asked] = input };
        foreach (var p in teacher.Parameters) map[p] = Builder.Constant(p.Data!, $"teacher.{p.Name}");
        foreach (var node in teacher.Nodes)
        {
            var outputs = Builder.ApplyNamed(node.Op, $"teacher.{node.Name}", node.Outputs.Count, [.. node.Inputs.Select(v => v is null ? null : map[v])]);
            for (var i = 0; i < outputs.Count; i++) map[node.Outputs[i]] = outputs[i];
        }
        return map;
    }
}
