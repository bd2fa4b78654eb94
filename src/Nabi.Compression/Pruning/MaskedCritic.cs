using Nabi.Ops;
using Nabi.Runtime;
using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression.Pruning;

/// <summary>
/// A network that is trained while channels of its groups are dropped, another choice for every sample: masks on what the groups' readers read, which come from
/// outside.
/// </summary>
internal sealed class MaskedCritic : IDisposable
{
    private readonly Graph _model;
    private readonly Session _session;
    private readonly Dictionary<string, Tensor> _trained = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> _feed = new(StringComparer.Ordinal);
    private readonly string[] _masks;

    /// <summary>Prepares the training.</summary>
    /// <param name="model">The network.</param>
    /// <param name="groups">The readers of each group.</param>
    /// <param name="batch">Samples in a step.</param>
    /// <param name="optimizer">How parameters follow gradients.</param>
    /// <param name="rate">The learning rate.</param>
    /// <param name="threads">Threads.</param>
    public MaskedCritic(Graph model, IReadOnlyList<IReadOnlyList<ChannelReader>> groups, int batch, Optimizer optimizer, double rate, int threads)
    {
        _model = model;
        var changing = ModelRoles.Learned(model).Concat(ModelRoles.Statistics(model)).ToHashSet();
        var rewriter = new Rewriter(model, i => ModelRoles.WithBatch(model, i, batch), p => changing.Contains(p) ? _trained[p.Name] = p.Data!.Copy() : p.Data!);
        var b = rewriter.Builder;
        var masks = groups.Select((g, i) => b.Input($"mask {i}", DType.Float32, [batch, g[0].Columns.Count + 1])).ToArray();
        Forward(model, rewriter, groups, masks);
        var logits = ModelRoles.Logits(model, rewriter);
        var targets = b.Input("targets", DType.Float32, logits.Shape);
        var losses = b.Neg(b.ReduceSum(b.Mul(targets, b.LogSoftmax(logits)), [1], keepdims: false));
        Learn(model, rewriter, b.ReduceMean(losses, [0], keepdims: false), optimizer);
        b.Output("losses", losses);
        _masks = Array.ConvertAll(masks, m => m.Name);
        _feed["rate"] = Tensor.Scalar((float)rate);
        _feed["number"] = Tensor.Scalar(0f);
        _session = new Session(b.Build(), new SessionOptions { Threads = threads });
    }

    /// <summary>The network with the parameters reached so far, copied.</summary>
    public Graph Model() => _model.WithParameters(_trained.ToDictionary(p => p.Key, p => p.Value.Copy(), StringComparer.Ordinal));

    /// <summary>The numbers a parameter has reached.</summary>
    public Tensor this[string parameter] => _trained[parameter];

    /// <summary>Trains one step.</summary>
    /// <param name="batch">Samples.</param>
    /// <param name="masks">Per group [N, channels + 1], 1 where a channel is there; the last column is 1.</param>
    /// <returns>The loss of every sample before the step.</returns>
    public float[] Step(Batch batch, IReadOnlyList<Tensor> masks)
    {
        _feed[_model.Inputs[0].Name] = batch.Inputs;
        _feed["targets"] = batch.Targets;
        for (var g = 0; g < _masks.Length; g++) _feed[_masks[g]] = masks[g];
        _feed["number"].Span<float>()[0]++;
        return _session.Run(_feed)["losses"].ToSingle();
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private static void Forward(Graph model, Rewriter rewriter, IReadOnlyList<IReadOnlyList<ChannelReader>> groups, Value[] masks)
    {
        var b = rewriter.Builder;
        var readers = groups.SelectMany((g, i) => g.Select(r => (Reader: r, Mask: masks[i]))).ToLookup(r => r.Reader.Node);
        foreach (var node in model.Nodes)
        {
            if (node is { Op: BatchNormalization { TrainingMode: false } norm, Inputs: [_, _, _, { Data: not null } mean, { Data: not null } variance] })
            {
                var outputs = b.ApplyNamed(norm with { TrainingMode = true }, node.Name, 5, [.. node.Inputs.Select(rewriter.Map)]);
                rewriter.Visit(node, [outputs[0]]);
                b.Update(rewriter[mean], outputs[1]);
                b.Update(rewriter[variance], outputs[2]);
            }
            else if (readers.Contains(node))
            {
                var x = rewriter[node.Inputs[0]!];
                foreach (var (reader, mask) in readers[node]) x = b.Mul(x, Spread(b, mask, reader, x.Shape));
                rewriter.Visit(node, b.ApplyNamed(node.Op, node.Name, node.Outputs.Count, [x, .. node.Inputs.Skip(1).Select(rewriter.Map)]));
            }
            else
            {
                rewriter.Visit(node, null);
            }
        }
    }

    // The mask's columns for the channels a layer reads, ones for those of other groups, shaped to multiply what it reads.
    private static Value Spread(GraphBuilder b, Value mask, ChannelReader reader, Shape x)
    {
        var columns = new long[reader.Width / reader.Taps];
        Array.Fill(columns, reader.Columns.Count);
        for (var c = 0; c < reader.Columns.Count; c++)
            foreach (var column in reader.Columns[c]) columns[column / reader.Taps] = c;
        var chosen = b.Apply(new Gather { Axis = 1 }, mask, b.Integers(columns));
        return x.Rank == 4 ? b.Reshape(chosen, [x[0], columns.Length, 1, 1]) : x.Rank == 3 ? b.Reshape(chosen, [x[0], 1, columns.Length]) : chosen;
    }

    private static void Learn(Graph model, Rewriter rewriter, Value loss, Optimizer optimizer)
    {
        var b = rewriter.Builder;
        var (rate, number) = (b.Input("rate", DType.Float32, Shape.Scalar), b.Input("number", DType.Float32, Shape.Scalar));
        var learned = ModelRoles.Learned(model);
        var gradients = Gradients.Add(b, loss, [.. learned.Select(p => rewriter[p])]);
        for (var i = 0; i < learned.Count; i++)
        {
            var decay = ModelRoles.IsDecayed(learned[i]) ? (float)optimizer.WeightDecay : 0;
            b.Update(rewriter[learned[i]], optimizer.Apply(new OptimizerStep(b, rewriter[learned[i]], gradients[i], rate, number, decay)));
        }
    }
}
