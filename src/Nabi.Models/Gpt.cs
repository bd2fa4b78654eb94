using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// Small language models: the decoder of GPT-2 (Radford et al. 2019, section 2.3, on Radford et al. 2018), pre-norm blocks with causal attention, learned positions, and the
/// embedding of tokens used again to score the next one. Input: token numbers Int64 [N, T]; output: logits [N, T, vocabulary]. The rows are the small sizes of minGPT
/// (Karpathy 2020) over bytes. Initial weights as in GPT-2: normal with deviation 0.02, those that end a residual branch divided by sqrt(2 layers).
/// Width, depth and input (tokens of the longest text) are options; classes is the vocabulary.
/// </summary>
public sealed class Gpt : ModelFamily
{
    private const string Paper = "Radford, Wu, Child, Luan, Amodei, Sutskever 2019, Language Models are Unsupervised Multitask Learners, section 2.3";
    private const int Context = 128, Bytes = 256;
    private const double Deviation = 0.02;
    private const float Epsilon = 1e-5f;

    /// <inheritdoc/>
    public override IEnumerable<ModelEntry> Entries =>
    [
        new("gpt-nano", Paper, [Context], Bytes, "3 blocks of 48 features, embedding shared with the output", o => Build("gpt-nano", o, new Size(3, 3, 48))),
        new("gpt-mini", Paper, [Context], Bytes, "6 blocks of 192 features, embedding shared with the output", o => Build("gpt-mini", o, new Size(6, 6, 192))),
    ];

    /// <summary>Blocks, heads and features.</summary>
    internal readonly record struct Size(int Blocks, int Heads, int Width);

    /// <summary>Builds a decoder.</summary>
    internal static Graph Build(string name, ModelOptions options, Size size)
    {
        var network = new Network(name, options);
        var (b, tokens, vocabulary, blocks) = (network.Builder, options.Input![0], options.Classes!.Value, options.Blocks(size.Blocks));
        var headWidth = Math.Max(2, (int)Math.Round(size.Width * options.Width / size.Heads));
        var width = size.Heads * headWidth;
        var table = network.Parameter("wte", network.Normal([vocabulary, width], Deviation));
        var positions = network.Parameter("wpe", network.Normal([1, tokens, width], Deviation));
        var mask = b.Constant(CausalMask.Added(tokens), "mask");
        var ids = network.TokenIds(tokens);
        var x = ids with { Value = b.Add(b.Gather(table, ids.Value), positions) };
        for (var i = 0; i < blocks; i++)
        {
            var from = x;
            x = network.Scope($"h.{i}", () => Block(from, size.Heads, mask, Deviation / Math.Sqrt(2 * blocks)));
        }
        // Scores against every row of the table: the rows of all tokens as one matrix.
        var rows = b.Reshape(x.LayerNorm("ln_f", Epsilon).Value, [Shape.Unknown, width]);
        var scores = b.Apply(new Gemm { TransB = true }, rows, table);
        return network.Finish(x with { Value = b.Reshape(scores, [Shape.Unknown, tokens, vocabulary]) });
    }

    private static Feature Block(Feature x, int heads, Value mask, double residualDeviation)
    {
        var network = x.Network;
        Feature Dense(Feature from, int units, string name, double deviation = Deviation) =>
            from.Linear(units, name, initial: network.Normal([from.Width, units], deviation));
        var y = x.LayerNorm("ln_1", Epsilon);
        var attended = network.Scope("attn", () =>
        {
            var (q, k, v) = (Dense(y, y.Width, "q").SplitHeads(heads), Dense(y, y.Width, "k").SplitHeads(heads), Dense(y, y.Width, "v").SplitHeads(heads));
            return Dense(q.DotProductAttention(k, v, mask).MergeHeads(), y.Width, "proj", residualDeviation);
        });
        x = x.Add(attended);
        var z = x.LayerNorm("ln_2", Epsilon);
        return x.Add(network.Scope("mlp", () => Dense(TanhGelu(Dense(z, 4 * z.Width, "fc")), z.Width, "proj", residualDeviation)));
    }

    // GPT-2's GELU: Hendrycks and Gimpel 2016, section 2, 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    private static Feature TanhGelu(Feature x)
    {
        var (b, v) = (x.Network.Builder, x.Value);
        var inner = b.Mul(b.Mul(v, b.Add(b.Mul(b.Mul(v, v), 0.044715), 1.0)), Math.Sqrt(2 / Math.PI));
        return x with { Value = b.Mul(b.Mul(v, 0.5), b.Add(b.Tanh(inner), 1.0)) };
    }
}
