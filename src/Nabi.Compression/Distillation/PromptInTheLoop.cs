using Nabi.Models;
using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression.Distillation;

/// <summary>
/// Distils a promptable segmenter into a smaller one: Zhou et al. 2023, "EdgeSAM: Prompt-In-the-Loop Distillation for On-Device Deployment of SAM" (arXiv 2312.06660), section 3.
/// First the student's encoder learns the teacher's embeddings alone (<see cref="DistilEncoder"/>, section 3.2). Then student and teacher decode masks from the same prompts, and
/// again and again a prompt is added where the masks differ, so that the student is corrected where it goes wrong (<see cref="DistilWithPrompts"/>, section 3.3, algorithm 1).
/// </summary>
/// <remarks>
/// The student begins with the teacher's decoder. The first prompt is a box or a point of the object, equally likely. The teacher's mask is cut at its threshold; each decoded mask is a
/// step of the optimizer (the reference code adds up the gradients of the iterations). One mask is decoded for each set of prompts, not SAM's several. Every step is a
/// <see cref="TrainingStep"/>: encoder and decoder joined on one input that holds image and prompts.
/// </remarks>
public static class PromptInTheLoop
{
    private const int Pixels = PromptSegmenter.Size * PromptSegmenter.Size;

    /// <summary>Trains a segmenter on the scenes' own masks, prompted where it is wrong: how a teacher is made.</summary>
    /// <exception cref="NabiException">Options or networks do not fit.</exception>
    public static PromptSegmenter Train(PromptSegmenter segmenter, ShapeScenes scenes, PromptOptions options, CancellationToken cancellation = default) =>
        Loop(segmenter, null, scenes, options, cancellation);

    /// <summary>Encoder-only distillation: the mean squared difference between the embeddings. The decoder becomes the teacher's.</summary>
    /// <exception cref="NabiException">Options or networks do not fit.</exception>
    public static PromptSegmenter DistilEncoder(PromptSegmenter student, PromptSegmenter teacher, ShapeScenes scenes, PromptOptions options, CancellationToken cancellation = default)
    {
        var steps = new Steps(Flattened(student.Encoder), new Reconstructed(), scenes, options);
        using var embeddings = new Session(teacher.Encoder.WithBatch(options.BatchSize), new SessionOptions { Threads = options.Threads });
        var batch = new PromptBatch(scenes, options.BatchSize, options.Prompts);
        steps.Run(batch, _ =>
        {
            var wanted = embeddings.Run(new Dictionary<string, Tensor>(StringComparer.Ordinal) { [teacher.Encoder.Inputs[0].Name] = batch.Images })[teacher.Encoder.Outputs[0].Name];
            steps.Step(batch.Images, wanted.Reshape([options.BatchSize, wanted.Count / options.BatchSize]));
        }, cancellation);
        return new PromptSegmenter(Learned(student.Encoder, "", steps.Model()), teacher.Decoder);
    }

    /// <summary>Prompt-in-the-loop distillation of encoder and decoder.</summary>
    /// <exception cref="NabiException">Options or networks do not fit.</exception>
    public static PromptSegmenter DistilWithPrompts(PromptSegmenter student, PromptSegmenter teacher, ShapeScenes scenes, PromptOptions options, CancellationToken cancellation = default) =>
        Loop(student, teacher, scenes, options, cancellation);

    /// <summary>The mean intersection over union with the scenes' masks, 0 to 1, when one point of each object is given.</summary>
    public static double MeanIou(PromptSegmenter segmenter, ShapeScenes scenes, PromptOptions options)
    {
        using var session = new Session(Joined(segmenter, options).WithBatch(1), new SessionOptions { Threads = options.Threads });
        var (batch, rng, sum) = (new PromptBatch(scenes, 1, PromptsOf(segmenter, options)), new Rng(options.Seed).Fork(0x10), 0.0);
        for (var i = 0; i < scenes.Count; i++)
        {
            batch.Fill([i]);
            batch.Begin(rng, alwaysPoint: true);
            sum += Iou(Run(session, batch.Packed).Span<float>(), batch.Truth.Span<float>());
        }
        return sum / scenes.Count;
    }

    private static PromptSegmenter Loop(PromptSegmenter student, PromptSegmenter? teacher, ShapeScenes scenes, PromptOptions options, CancellationToken cancellation)
    {
        var steps = new Steps(Joined(student, options), options.Loss, scenes, options);
        using var asked = teacher is null ? null : new Session(Joined(teacher, options).WithBatch(options.BatchSize), new SessionOptions { Threads = options.Threads });
        var (batch, wanted) = (new PromptBatch(scenes, options.BatchSize, PromptsOf(student, options)), Tensor.Zeros(DType.Float32, [options.BatchSize, Pixels]));
        steps.Run(batch, rng =>
        {
            batch.Begin(rng);
            for (var iteration = 1; ; iteration++)
            {
                if (asked is null) batch.Truth.Bytes.CopyTo(wanted.Bytes);
                else Cut(Run(asked, batch.Packed).Span<float>(), wanted.Span<float>());
                var said = steps.Step(batch.Packed, wanted);
                if (iteration == options.Iterations) return;
                batch.AddDisagreement(said.Span<float>(), wanted.Span<float>(), rng);
            }
        }, cancellation);
        var model = steps.Model();
        return new PromptSegmenter(Learned(student.Encoder, "encoder/", model), Learned(student.Decoder, "decoder/", model));
    }

    private static Tensor Run(Session session, Tensor packed) => session.Run(new Dictionary<string, Tensor>(StringComparer.Ordinal) { ["packed"] = packed })["mask"];

    private static void Cut(ReadOnlySpan<float> scores, Span<float> mask)
    {
        for (var i = 0; i < mask.Length; i++) mask[i] = scores[i] > 0 ? 1 : 0;
    }

    private static double Iou(ReadOnlySpan<float> scores, ReadOnlySpan<float> truth)
    {
        var (both, either) = (0, 0);
        for (var p = 0; p < truth.Length; p++)
        {
            both += scores[p] > 0 && truth[p] > 0 ? 1 : 0;
            either += scores[p] > 0 || truth[p] > 0 ? 1 : 0;
        }
        return (double)both / Math.Max(1, either);
    }

    // Encoder and decoder on one input: a training step has one.
    private static Graph Joined(PromptSegmenter segmenter, PromptOptions options)
    {
        var prompts = PromptsOf(segmenter, options);
        var b = new GraphBuilder("segmenter");
        var packed = b.Input("packed", DType.Float32, [Shape.Unknown, PromptBatch.Row(prompts)]);
        var parts = b.Split(packed, 1, Pixels, 2 * prompts, PromptSegmenter.Kinds * prompts);
        var embedding = Add(b, segmenter.Encoder, "encoder/", [b.Reshape(parts[0], [Shape.Unknown, 1, PromptSegmenter.Size, PromptSegmenter.Size])]);
        var mask = Add(b, segmenter.Decoder, "decoder/", [embedding, b.Reshape(parts[1], [Shape.Unknown, prompts, 2]), b.Reshape(parts[2], [Shape.Unknown, prompts, PromptSegmenter.Kinds])]);
        b.Output("mask", b.Reshape(mask, [Shape.Unknown, Pixels]));
        return b.Build();
    }

    // How many prompts a decoder takes.
    private static int PromptsOf(PromptSegmenter segmenter, PromptOptions options) => segmenter.Decoder.Inputs is [_, { Shape.Rank: 3 } points, _] && points.Shape[1] >= options.Prompts
        ? points.Shape[1]
        : throw new NabiException($"The decoder does not take the {options.Prompts} prompts of {options.Iterations} iterations; create the segmenter for so many.");

    private static Graph Flattened(Graph encoder)
    {
        var b = new GraphBuilder(encoder.Name);
        b.Output("embedding", b.Flatten(Add(b, encoder, "", [b.Input("images", DType.Float32, encoder.Inputs[0].Shape)])));
        return b.Build();
    }

    private static Value Add(GraphBuilder b, Graph graph, string prefix, Value[] inputs)
    {
        var map = new Dictionary<Value, Value>();
        for (var i = 0; i < inputs.Length; i++) map[graph.Inputs[i]] = inputs[i];
        foreach (var p in graph.Parameters) map[p] = b.Parameter(prefix + p.Name, p.Data!, p.IsTrainable);
        foreach (var node in graph.Nodes)
        {
            var outputs = b.ApplyNamed(node.Op, prefix + node.Name, node.Outputs.Count, [.. node.Inputs.Select(v => v is null ? null : map[v])]);
            for (var i = 0; i < outputs.Count; i++) map[node.Outputs[i]] = outputs[i];
        }
        return map[graph.Outputs[0].Value];
    }

    private static Graph Learned(Graph graph, string prefix, Graph trained)
    {
        var tensors = trained.Parameters.ToDictionary(p => p.Name, p => p.Data!, StringComparer.Ordinal);
        return graph.WithParameters(graph.Parameters.Where(p => tensors.ContainsKey(prefix + p.Name)).ToDictionary(p => p.Name, p => tensors[prefix + p.Name], StringComparer.Ordinal));
    }

    // The mean squared difference of embeddings, equation 1.
    private sealed record Reconstructed : Loss
    {
        public override Value Build(GraphBuilder builder, Value logits, Value targets) => builder.ReduceMean(builder.Square(builder.Sub(logits, targets)), [], keepdims: false);
    }

    /// <summary>A training step that is run over shuffled scenes with a falling rate.</summary>
    private sealed class Steps
    {
        private readonly TrainingStep _step;
        private readonly Session _session;
        private readonly ShapeScenes _scenes;
        private readonly PromptOptions _options;
        private readonly Dictionary<string, Tensor> _feed = new(StringComparer.Ordinal);
        private readonly Cosine _schedule = new();
        private long _done, _batches;

        public Steps(Graph model, Loss loss, ShapeScenes scenes, PromptOptions options)
        {
            if (options.Fault is { } fault) throw new NabiException(fault);
            if (scenes.Count < options.BatchSize) throw new NabiException($"There are {scenes.Count} scenes, fewer than one batch of {options.BatchSize}.");
            (_scenes, _options) = (scenes, options);
            _step = TrainingStep.Build(model, new TrainingOptions { BatchSize = options.BatchSize, Loss = loss, Optimizer = new Adam(), ClipNorm = 5, LearningRate = options.Rate, Seed = options.Seed });
            _session = new Session(_step.Graph, new SessionOptions { Seed = options.Seed, Threads = options.Threads });
        }

        /// <summary>Goes through the scenes, batch by batch; what is done with a batch is the caller's.</summary>
        public void Run(PromptBatch batch, Action<Rng> work, CancellationToken cancellation)
        {
            using var session = _session;
            var order = Enumerable.Range(0, _scenes.Count).ToArray();
            var whole = (long)_options.Epochs * (order.Length / _options.BatchSize);
            for (var epoch = 0; epoch < _options.Epochs; epoch++)
            {
                var rng = new Rng(_options.Seed).Fork((ulong)epoch);
                rng.Shuffle(order.AsSpan());
                for (var at = 0; at + _options.BatchSize <= order.Length; at += _options.BatchSize, _batches++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    batch.Fill(order.AsSpan(at, _options.BatchSize));
                    _feed[_step.Rate] = Tensor.Scalar((float)(_options.Rate * _schedule.Factor(_batches, whole)));
                    work(rng);
                }
            }
        }

        /// <summary>One step of the optimizer; gives the scores before it.</summary>
        public Tensor Step(Tensor input, Tensor targets)
        {
            (_feed[_step.Input], _feed[_step.Targets], _feed[_step.Number]) = (input, targets, Tensor.Scalar((float)++_done));
            var outputs = _session.Run(_feed);
            if (!double.IsFinite(outputs[TrainingStep.LossOutput].Item())) throw new NabiException($"The loss stopped being a number after {_done} steps; lower the rate ({_options.Rate}).");
            return outputs[TrainingStep.LogitsOutput];
        }

        public Graph Model() => _step.Model();
    }
}
