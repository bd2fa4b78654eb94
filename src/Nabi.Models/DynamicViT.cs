using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// DynamicViT: Rao et al. 2021, "DynamicViT: Efficient Vision Transformers with Dynamic Token Sparsification", on DeiT-S. Before blocks 4, 7 and 10 a prediction
/// module says for each token how probable it is that it is kept (section 3.2, eqs. 1 to 5); inference keeps the most probable ones, of N patches rho N, rho^2 N
/// and rho^3 N. What trains is another graph with the same parameters, <see cref="Training"/>, where tokens are masked instead. Initialisation as <see cref="DeiT"/>.
/// </summary>
public sealed class DynamicViT : ModelFamily
{
    private const double Keep = 0.7;
    private const string Name = "dynamicvit-deit-small-0.7";

    // Section 3.3: the weights of the distillation terms and of the ratio term.
    private const double DistillationWeight = 0.5, RatioWeight = 2;

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new(Name, "Rao et al. 2021, DynamicViT, table 1 (rho = 0.7)", [3, 224, 224], 1000, "predicted tokens are dropped", o => Build(Name, Keep, o))
        {
            ReferenceParameters = 22_774_414, ReferenceMacs = 2_900_000_000,
            Difference = "With the three prediction modules, 241 k x (196 + 137 + 96 tokens) = 103 M, it is 2.98 G; without them 2.88 G, which the paper gives as 2.9 G.",
            BuildTraining = o => Training(o, Keep),
        },
    ];

    /// <summary>The network at another keep ratio.</summary>
    /// <param name="name">The graph's name.</param>
    /// <param name="keep">rho, in (0, 1].</param>
    /// <param name="options">Width, depth, input and classes, all given.</param>
    internal static Graph Build(string name, double keep, ModelOptions options)
    {
        var network = new Network(name, options);
        var patches = 0;
        return network.Finish(DeiT.Classify(DeiT.Encode(network.Input(options.Input!), DeiT.SmallHeads, options, (x, at) =>
        {
            if (at.Index == 0) patches = x.Tokens - 1;
            return (at.Stage == 0 ? x : Select(x, Math.Max(1, (int)(patches * Math.Pow(keep, at.Stage))))).TransformerBlock(at.Heads);
        }), options));
    }

    // The class token and the patches most probably kept, most probable first.
    private static Feature Select(Feature x, int count)
    {
        var b = x.Network.Builder;
        var patches = x.TokenRange(1, x.Tokens);
        var probabilities = b.Squeeze(b.Slice(Predict(patches, null).Value, 2, 0, 1), 2);
        return x.TokenRange(0, 1).Concat(patches.GatherTokens(b.ApplyAll(new TopK(), 2, probabilities, b.Integers(count))[1]));
    }

    /// <summary>
    /// The graph that trains: every token stays, and the dropped ones take no part in attention (eqs. 10 and 11). Which ones are dropped is drawn with
    /// Gumbel noise, straight-through (section 3.3). Its output <c>auxiliary_loss</c> holds the terms of eq. 16 beside the classification loss: the ratio term
    /// (eq. 15) and, with a teacher, the distillation of tokens (eq. 13, the mean over features too, as in the authors' code) and of scores (eq. 14).
    /// Parameters have the names they have in the network for inference.
    /// </summary>
    /// <param name="options">As for the network for inference; a missing input is 3 x 224 x 224, missing classes are 1000.</param>
    /// <param name="keep">rho, the share of tokens each stage keeps, in (0, 1]. Default 0.7.</param>
    /// <param name="teacher">DeiT-S of the same input, width and classes (<c>deit-small</c>); its weights stay as they are. None when null.</param>
    /// <exception cref="NabiException">The teacher is another network than <c>deit-small</c> with these options.</exception>
    public static Graph Training(ModelOptions options, double keep = Keep, Graph? teacher = null)
    {
        options = options.Validated() with { Input = options.Input ?? [3, 224, 224], Classes = options.Classes ?? 1000 };
        var network = new Network(Name, options);
        var b = network.Builder;
        var image = network.Input(options.Input);
        Value? kept = null, ratios = null;
        var stages = 0;
        var tokens = DeiT.Encode(image, DeiT.SmallHeads, options, (x, at) =>
        {
            if (at.Stage > 0)
            {
                kept = Decide(Predict(x.TokenRange(1, x.Tokens), kept), kept);
                var difference = b.Sub(b.ReduceMean(kept, [1]), b.Scalar(Math.Pow(keep, at.Stage), kept));
                var term = b.ReduceMean(b.Square(difference), [], keepdims: false);
                ratios = ratios is null ? term : b.Add(ratios, term);
                stages++;
            }
            return x.TransformerBlock(at.Heads, attend: kept is { } mask ? (q, k, v) => MaskedAttention(q, k, v, mask) : null);
        });
        var logits = DeiT.Classify(tokens, options);
        if (kept is null || ratios is null) throw new NabiException($"DynamicViT with depth {options.Depth} has no block that drops tokens; use a depth of at least 0.25.");
        var loss = b.Mul(ratios, RatioWeight / stages);
        if (teacher is not null) loss = b.Add(loss, b.Mul(Distill(b, image.Value, logits.Value, tokens.Value, kept, teacher), DistillationWeight));
        b.Output("logits", logits.Value);
        b.Output("auxiliary_loss", loss);
        var graph = b.Build();
        return graph.WithMetadata(graph.Metadata.SetItem(MetadataKeys.AuxiliaryLoss, "auxiliary_loss"));
    }

    /// <summary>The prediction module: the logarithms of the probabilities to keep and to drop (section 3.2, eqs. 1 to 5).</summary>
    /// <param name="x">Patches [N, T, D].</param>
    /// <param name="kept">Which of them are kept so far, 1 or 0, [N, T]; all when null.</param>
    /// <returns>[N, T, 2], keep first.</returns>
    private static Feature Predict(Feature x, Value? kept) => x.Network.Scope("predictor", () =>
    {
        var b = x.Network.Builder;
        var half = x.Width / 2;
        var y = x.LayerNorm().Linear(x.Width, "in").Gelu().Value;
        var (local, all) = (b.Slice(y, 2, 0, half), b.Slice(y, 2, half));
        // Eq. 3: the mean over the tokens that are kept; the small number is for none.
        var mean = kept is null ? b.ReduceMean(all, [1])
            : b.Div(b.ReduceSum(b.Mul(all, b.Unsqueeze(kept, 2)), [1]), b.Add(b.Unsqueeze(b.ReduceSum(kept, [1]), 2), 1e-6));
        var global = b.Apply(new Expand(), mean, b.Integers(1, x.Tokens, 1));
        return (x with { Value = b.Concat(2, local, global) }).Linear(half, "out1").Gelu().Linear(half / 2, "out2").Gelu().Linear(2, "out3").Apply(new LogSoftmax());
    });

    /// <summary>
    /// Draws which tokens stay (section 3.3): the larger of two probabilities with Gumbel noise (Jang et al. 2017, eq. 2, temperature 1). The result is 1 or 0,
    /// its gradient that of the probability; what was dropped stays so (eq. 6).
    /// </summary>
    /// <param name="logProbabilities">[N, T, 2], keep first.</param>
    /// <param name="before">1 or 0, [N, T]; all 1 when null.</param>
    internal static Value Decide(Feature logProbabilities, Value? before)
    {
        var b = logProbabilities.Network.Builder;
        var uniform = b.Apply(new RandomUniformLike { Low = 1e-6f, High = 1 - 1e-6f }, logProbabilities.Value);
        var gumbel = b.Neg(b.Log(b.Neg(b.Log(uniform))));
        var soft = b.Softmax(b.Add(logProbabilities.Value, gumbel));
        // Rounding with a straight-through gradient; of two probabilities the larger one is above one half.
        var hard = b.FakeQuantize(b.Squeeze(b.Slice(soft, 2, 0, 1), 2), b.Constant(Tensor.Scalar(1f), "one"), qMin: 0, qMax: 1);
        return before is null ? hard : b.Mul(hard, before);
    }

    /// <summary>
    /// Attention to the tokens that are kept, and of every token to itself (eqs. 10 and 11). The weights are divided once more after the softmax, which gives the same as
    /// masking its exponentials; both terms have the small numbers of the authors' code, which keep them finite.
    /// </summary>
    /// <param name="queries">[N, heads, T + 1, d], the class token first; so are keys and values.</param>
    /// <param name="keys">See <paramref name="queries"/>.</param>
    /// <param name="values">See <paramref name="queries"/>.</param>
    /// <param name="kept">1 or 0 for each patch, [N, T].</param>
    internal static Feature MaskedAttention(Feature queries, Feature keys, Feature values, Value kept)
    {
        const double Epsilon = 1e-6;
        var b = queries.Network.Builder;
        var count = kept.Shape[1] + 1;
        // The class token is always kept.
        var policy = b.Unsqueeze(b.Apply(new Pad(), kept, b.Integers(0, 1, 0, 0), b.Scalar(1, kept)), 1, 2);
        var self = b.Constant(Identity(count), "self");
        var weights = b.Mul(queries.AttentionWeights(keys).Value, b.Add(policy, b.Mul(b.Sub(1, policy), self)));
        var normal = b.Div(b.Add(weights, Epsilon / count), b.Add(b.ReduceSum(weights, [3]), Epsilon));
        return queries with { Value = b.MatMul(normal, values.Value) };
    }

    private static Tensor Identity(int size)
    {
        var matrix = Tensor.Zeros(DType.Float32, [size, size]);
        for (var i = 0; i < size; i++) matrix.Span<float>()[(i * size) + i] = 1;
        return matrix;
    }

    // Eqs. 13 and 14. The decisions are not differentiated here.
    private static Value Distill(GraphBuilder b, Value image, Value logits, Value tokens, Value kept, Graph teacher)
    {
        var known = Frozen(b, teacher, image);
        if (known.GetValueOrDefault("norm") is not { } target || !target.Shape.Equals(tokens.Shape))
            throw new NabiException($"Graph '{teacher.Name}' cannot teach DynamicViT tokens {tokens.Shape}; give it 'deit-small' with the same input, width and classes.");
        var mask = b.Unsqueeze(b.Cast(b.Greater(kept, 0.5), DType.Float32), 2);
        var squares = b.ReduceMean(b.Square(b.Slice(b.Sub(tokens, target), 1, 1)), [2]);
        var byTokens = b.Div(b.ReduceSum(b.Mul(squares, mask), [], keepdims: false), b.Add(b.ReduceSum(mask, [], keepdims: false), 1e-6));
        var (student, wanted) = (b.LogSoftmax(logits), b.LogSoftmax(known[teacher.Outputs[0].Value.Name]));
        var byScores = b.ReduceMean(b.ReduceSum(b.Mul(b.Exp(wanted), b.Sub(wanted, student)), [1]), [], keepdims: false);
        return b.Add(byTokens, byScores);
    }

    // A copy of the teacher whose weights are constants: its values by their names.
    private static Dictionary<string, Value> Frozen(GraphBuilder b, Graph teacher, Value image)
    {
        var copies = new Dictionary<string, Value>(StringComparer.Ordinal) { [teacher.Inputs[0].Name] = image };
        foreach (var parameter in teacher.Parameters) copies[parameter.Name] = b.Constant(parameter.Data!, $"teacher.{parameter.Name}");
        foreach (var node in teacher.Nodes)
        {
            var outputs = b.ApplyNamed(node.Op, $"teacher.{node.Name}", node.Outputs.Count, [.. node.Inputs.Select(v => v is null ? null : copies[v.Name])]);
            for (var i = 0; i < outputs.Count; i++) copies[node.Outputs[i].Name] = outputs[i];
        }
        return copies;
    }
}
