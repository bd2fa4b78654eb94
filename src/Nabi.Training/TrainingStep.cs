using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// One step of a training as one graph: forward in training mode, loss, backward, optimizer. It works on copies of the model's parameters, which
/// its updates change in place; the model itself stays as it is.
/// </summary>
/// <remarks>
/// Inputs: the model's input with a fixed batch; <see cref="Targets"/> [N, classes]; scalars <see cref="Rate"/> and <see cref="Number"/>; with averaging a
/// scalar <see cref="AverageDecay"/>; with distillation <see cref="Teacher"/> [N, classes]. Outputs: <see cref="LossOutput"/>, a scalar, and
/// <see cref="LogitsOutput"/> [N, classes].
/// </remarks>
public sealed class TrainingStep
{
    /// <summary>Name of the output with the loss.</summary>
    public const string LossOutput = "loss";

    /// <summary>Name of the output with the scores.</summary>
    public const string LogitsOutput = "logits";

    private readonly Graph _model;
    private readonly Dictionary<string, Tensor> _trained;
    private readonly Dictionary<string, Tensor> _averaged;

    private TrainingStep(Graph model, Graph graph, Wiring wiring, Dictionary<string, Tensor> trained, Dictionary<string, Tensor> averaged)
    {
        (_model, Graph, _trained, _averaged) = (model, graph, trained, averaged);
        (Input, Targets, Rate, Number) = (wiring.Input.Name, wiring.Targets.Name, wiring.Rate.Name, wiring.Number.Name);
        IsReconstruction = wiring.Targets.Producer is not null;
        (AverageDecay, Teacher) = (wiring.AverageDecay?.Name, wiring.Teacher?.Name);
        Classes = wiring.Logits.Shape[1];
    }

    private sealed record Wiring(Value Input, Value Logits, Value Targets, Value Rate, Value Number, Value? AverageDecay, Value? Teacher);

    /// <summary>The graph of the step.</summary>
    public Graph Graph { get; }

    /// <summary>Name of the input for samples.</summary>
    public string Input { get; }

    /// <summary>Name of the input for the share of each class; there is none when <see cref="IsReconstruction"/>.</summary>
    public string Targets { get; }

    /// <summary>Is the target the input itself?</summary>
    public bool IsReconstruction { get; }

    /// <summary>Name of the input for the learning rate.</summary>
    public string Rate { get; }

    /// <summary>Name of the input for the step's number, from 1.</summary>
    public string Number { get; }

    /// <summary>Name of the input for the decay of the moving average, if there is one.</summary>
    public string? AverageDecay { get; }

    /// <summary>Name of the input for the teacher's scores, if there is one.</summary>
    public string? Teacher { get; }

    /// <summary>Number of classes the model tells apart.</summary>
    public int Classes { get; }

    /// <summary>Builds the step.</summary>
    /// <param name="model">Any graph with one input whose first dimension is the batch, and scores [N, classes] as first output; a softmax at its end is left out.</param>
    /// <param name="options">What decides the training.</param>
    /// <param name="masks">By parameter name, 1 where a weight lives and 0 where it was pruned: pruned weights stay 0.</param>
    /// <exception cref="NabiException">The model has no parameters to train, or an operator on the way to them has no gradient.</exception>
    public static TrainingStep Build(Graph model, TrainingOptions options, IReadOnlyDictionary<string, Tensor>? masks = null)
    {
        if (options.Fault is { } fault) throw new NabiException(fault);
        var original = model;
        model = OpenBatch.Of(model);
        var frozen = options.Frozen.ToHashSet(StringComparer.Ordinal);
        var statistics = model.Nodes.Where(n => FollowsBatches(n, frozen, options)).SelectMany(n => n.Inputs.Skip(3)).Select(v => v!);
        var learned = ModelRoles.Learned(model).Where(p => !frozen.Contains(p.Name)).ToArray();
        if (learned.Length == 0) throw new NabiException($"Model '{model.Name}' has no parameters to train.");
        var changing = learned.Concat(statistics).ToHashSet();
        var rewriter = new Rewriter(model, i => ModelRoles.WithBatch(model, i, options.BatchSize), p => changing.Contains(p) ? Masked(p.Data!.Copy(), p, masks) : p.Data!);
        var running = Forward(model, rewriter, frozen, options);
        var wiring = Connect(model, rewriter, options);
        var b = rewriter.Builder;
        var guidance = new GuidanceContext(model, rewriter, wiring.Logits, wiring.Targets, options);
        var loss = Loss(guidance, wiring, learned, options);
        b.Output(LossOutput, loss);
        b.Output(LogitsOutput, wiring.Logits);
        var averaged = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        var changed = running.Concat(Optimize(guidance, wiring, loss, learned, options, masks)).ToArray();
        foreach (var (parameter, value) in changed)
        {
            b.Update(parameter, value);
            if (wiring.AverageDecay is { } decay) averaged[parameter.Name] = Average(b, parameter, value, decay, options);
        }
        var trained = changed.ToDictionary(c => c.Parameter.Name, c => c.Parameter.Data!, StringComparer.Ordinal);
        var graph = b.Build();
        return new TrainingStep(original, options.Recompute ? Recomputation.Of(graph) : graph, wiring, trained, averaged);
    }

    /// <summary>The model with the parameters reached so far, copied: the moving average when there is one.</summary>
    public Graph Model() => _model.WithParameters(
        (_averaged.Count > 0 ? _averaged : _trained).ToDictionary(p => p.Key, p => p.Value.Copy(), StringComparer.Ordinal));

    /// <summary>The numbers a learned parameter has reached; changing them changes the training.</summary>
    internal IReadOnlyDictionary<string, Tensor> Trained => _trained;

    /// <summary>What guidance has learned, copied, by the name it was given.</summary>
    internal IReadOnlyDictionary<string, Tensor> Guided => _trained.Where(t => t.Key.StartsWith(GuidanceContext.Prefix, StringComparison.Ordinal) && _model.Parameter(t.Key) is null)
        .ToDictionary(t => t.Key[GuidanceContext.Prefix.Length..], t => t.Value.Copy(), StringComparer.Ordinal);

    /// <summary>Goes on where another step of the same model, perhaps for images of another size, has arrived: parameters, moments, averages.</summary>
    internal void TakeOver(TrainingStep earlier)
    {
        var from = earlier.Graph.Updates.ToDictionary(u => u.Parameter.Name, u => u.Parameter, StringComparer.Ordinal);
        foreach (var update in Graph.Updates)
            if (from.TryGetValue(update.Parameter.Name, out var parameter) && parameter.Type == update.Parameter.Type) parameter.Data!.Bytes.CopyTo(update.Parameter.Data!.Bytes);
    }

    // Copies the nodes with batch normalization and dropout in training mode. Returns the running statistics with their new values.
    private static List<(Value Parameter, Value Value)> Forward(Graph model, Rewriter rewriter, HashSet<string> frozen, TrainingOptions options)
    {
        var running = new List<(Value, Value)>();
        var branches = options.StochasticDepth > 0 ? StochasticDepth.Rates(model, options.StochasticDepth) : null;
        foreach (var node in model.Nodes)
        {
            if (FollowsBatches(node, frozen, options) && node is { Op: BatchNormalization norm, Inputs: [_, _, _, { } mean, { } variance] })
            {
                var outputs = rewriter.Builder.ApplyNamed(norm with { TrainingMode = true }, node.Name, 5, [.. node.Inputs.Select(rewriter.Map)]);
                rewriter.Visit(node, [outputs[0]]);
                running.Add((rewriter[mean], outputs[1]));
                running.Add((rewriter[variance], outputs[2]));
            }
            else if (node.Op is Dropout)
            {
                // The second output is the mask, which the gradient reads.
                var ratio = options.Dropout is { } wanted ? rewriter.Builder.Constant(Tensor.Scalar((float)wanted)) : node.Inputs.Count > 1 ? rewriter.Map(node.Inputs[1]) : null;
                var inputs = new[] { rewriter.Map(node.Inputs[0]), ratio, rewriter.Builder.Constant(Tensor.Scalar(true)) };
                rewriter.Visit(node, rewriter.Builder.ApplyNamed(node.Op, node.Name, 2, inputs));
            }
            else if (branches?.TryGetValue(node, out var branch) == true)
            {
                var dropped = StochasticDepth.Drop(rewriter.Builder, rewriter[node.Inputs[branch.Input]!], branch.Rate);
                rewriter.Visit(node, [rewriter.Builder.Add(dropped, rewriter[node.Inputs[1 - branch.Input]!])]);
            }
            else
            {
                rewriter.Visit(node, null);
            }
        }
        return running;
    }

    // Does a batch normalization use the batch's statistics and remember them? Not when it is frozen.
    private static bool FollowsBatches(Node node, HashSet<string> frozen, TrainingOptions options) => options.TrainStatistics
        && node is { Op: BatchNormalization { TrainingMode: false }, Inputs: [_, { } scale, { } shift, { Data: not null }, { Data: not null }] }
        && !(frozen.Contains(scale.Name) && frozen.Contains(shift.Name));

    private static Wiring Connect(Graph model, Rewriter rewriter, TrainingOptions options)
    {
        var b = rewriter.Builder;
        var (input, logits) = (rewriter[model.Inputs[0]], ModelRoles.Logits(model, rewriter));
        return new Wiring(
            input, logits,
            options.Loss is Reconstruction ? b.Apply(new Flatten(), input) : b.Input("targets", DType.Float32, logits.Shape),
            b.Input("learning_rate", DType.Float32, Shape.Scalar),
            b.Input("step", DType.Float32, Shape.Scalar),
            options.EmaDecay is null ? null : b.Input("average_decay", DType.Float32, Shape.Scalar),
            options.Distillation is null ? null : b.Input("teacher", DType.Float32, logits.Shape));
    }

    private static Value Loss(GuidanceContext context, Wiring wiring, Value[] learned, TrainingOptions options)
    {
        var (b, model) = (context.Builder, context.Model);
        var loss = options.Loss.Build(b, wiring.Logits, wiring.Targets);
        if (options.Distillation is { } distillation) loss = distillation.Build(b, loss, wiring.Logits, wiring.Teacher!);
        if (model.Metadata.GetValueOrDefault(MetadataKeys.AuxiliaryLoss) is { } name)
            loss = b.Add(loss, context.Student(model.Outputs.First(o => o.Name == name).Value));
        foreach (var guidance in options.Guidance) loss = b.Add(loss, guidance.Build(context));
        foreach (var penalty in options.Penalties)
            foreach (var parameter in learned)
                if (penalty.Build(b, context.Student(parameter), parameter) is { } term) loss = b.Add(loss, term);
        return loss;
    }

    // What guidance learns beside the network has its own name and is no parameter of the model.
    private static IEnumerable<(Value Parameter, Value Value)> Optimize(GuidanceContext context, Wiring wiring, Value loss, Value[] learned,
        TrainingOptions options, IReadOnlyDictionary<string, Tensor>? masks)
    {
        var b = context.Builder;
        Value[] parameters = [.. learned.Select(context.Student), .. context.Learned];
        learned = [.. learned, .. context.Learned];
        var gradients = Gradients.Add(b, loss, parameters);
        if (options.AdderRate is { } rate) gradients = [.. learned.Select((p, i) => ModelRoles.IsAdderFilter(p) ? Normalized(b, gradients[i], rate) : gradients[i])];
        if (options.ClipNorm is { } limit) gradients = Clip(b, gradients, limit);
        var changed = new List<(Value, Value)>();
        for (var i = 0; i < learned.Length; i++)
        {
            var decay = options.DecayAll || ModelRoles.IsDecayed(learned[i]) ? (float)options.Optimizer.WeightDecay : 0;
            var value = options.Optimizer.Apply(new OptimizerStep(b, parameters[i], gradients[i], wiring.Rate, wiring.Number, decay));
            if (IsPruned(learned[i], options)) value = KeepZeros(b, parameters[i], value);
            if (options.Limited.Contains(learned[i].Name)) value = b.Clip(value, -1, 1);
            if (masks?.GetValueOrDefault(learned[i].Name) is { } mask) value = b.Mul(value, b.Constant(mask.Cast(value.DType), $"{learned[i].Name}.mask"));
            changed.Add((parameters[i], value));
        }
        return changed;
    }

    // The gradient times rate sqrt(k) / its norm, for k elements: Chen et al. 2020, AdderNet, equation 10.
    private static Value Normalized(GraphBuilder b, Value gradient, double rate)
    {
        var norm = b.Sqrt(b.Apply(new ReduceSumSquare { Keepdims = false }, gradient));
        return b.Mul(gradient, b.Div(b.Scalar(rate * Math.Sqrt(gradient.Shape.Count), norm), b.Max(norm, b.Scalar(1e-12, norm))));
    }

    // Every gradient times min(1, limit / norm of all of them).
    private static Value[] Clip(GraphBuilder b, IReadOnlyList<Value> gradients, double limit)
    {
        var squares = gradients.Select(g => b.Apply(new ReduceSumSquare { Keepdims = false }, g)).Aggregate(b.Add);
        var norm = b.Sqrt(b.Add(squares, b.Scalar(1e-12, squares)));
        var factor = b.Apply(new Min(), b.Div(b.Scalar(limit, norm), norm), b.Scalar(1, norm));
        return [.. gradients.Select(g => b.Mul(g, factor))];
    }

    // average = decay average + (1 - decay) value
    private static Tensor Average(GraphBuilder b, Value parameter, Value value, Value decay, TrainingOptions options)
    {
        var average = b.Parameter($"{parameter.Name}.average", parameter.Data!.Copy(), trainable: false);
        var next = b.Add(b.Mul(average, decay), b.Mul(value, b.Sub(b.Scalar(1, decay), decay)));
        b.Update(average, IsPruned(parameter, options) ? KeepZeros(b, parameter, next) : next);
        return average.Data!;
    }

    private static bool IsPruned(Value parameter, TrainingOptions options) => options.Pruning?.IsPruned(parameter.Name) ?? false;

    // A weight that was pruned before this step is exactly zero, and stays so.
    private static Value KeepZeros(GraphBuilder b, Value parameter, Value value) => b.Where(b.Equal(parameter, 0), parameter, value);

    private static Tensor Masked(Tensor tensor, Value parameter, IReadOnlyDictionary<string, Tensor>? masks)
    {
        if (masks?.GetValueOrDefault(parameter.Name) is not { } mask) return tensor;
        if (!mask.Shape.Equals(tensor.Shape)) throw new NabiException($"The mask of parameter '{parameter.Name}' has shape {mask.Shape}, the parameter {tensor.Shape}.");
        var (values, keeps) = (tensor.ToSingle(), mask.ToSingle());
        for (var i = 0; i < values.Length; i++) values[i] *= keeps[i];
        return Tensor.Of(tensor.Shape, values).Cast(tensor.DType);
    }
}
