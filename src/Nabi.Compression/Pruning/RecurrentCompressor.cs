using Nabi.Ops;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// The compressor of DeepIoT (Yao et al. 2017, section 4.1): the weights that make a layer's elements, a matrix M [a, n] with a column per element, become
/// a vector A M B; an LSTM goes over the layers; of its output h come the probabilities sigmoid(h C) with which the layer's elements are kept. A, B and C are
/// learned per layer, the LSTM is common to all, so that every layer's probabilities depend on the layers before.
/// </summary>
internal sealed class RecurrentCompressor : IDisposable
{
    private const float LeastChance = 1e-6f;

    private readonly Session _session;
    private readonly Dictionary<string, Tensor> _feed = new(StringComparer.Ordinal);
    private readonly int _layers;

    /// <summary>Builds the training graph.</summary>
    /// <param name="layers">Per layer the rows a and columns n of M.</param>
    /// <param name="hidden">Size of the LSTM and its inputs.</param>
    /// <param name="batch">Samples in a step.</param>
    /// <param name="rate">The learning rate of RMSProp.</param>
    /// <param name="rng">Draws the weights.</param>
    public RecurrentCompressor(IReadOnlyList<(int Rows, int Columns)> layers, int hidden, int batch, double rate, Rng rng)
    {
        _layers = layers.Count;
        var b = new GraphBuilder("compressor");
        var learned = new List<Value>();
        var advantage = b.Input("advantage", DType.Float32, [batch]);
        var vectors = new Value[layers.Count];
        for (var l = 0; l < layers.Count; l++)
        {
            var (rows, columns) = layers[l];
            var matrix = b.Input($"weights {l}", DType.Float32, [rows, columns]);
            vectors[l] = b.Reshape(b.MatMul(b.MatMul(Drawn($"a{l}", 1, rows), matrix), Drawn($"b{l}", columns, hidden)), [1, 1, hidden]);
        }
        var states = b.Apply(new LSTM { HiddenSize = hidden }, b.Apply(new Concat(0), vectors), Recurrent("w"), Recurrent("r"), Forgetting());
        Value? logarithms = null;
        for (var l = 0; l < layers.Count; l++)
        {
            var h = b.Reshape(b.Apply(new Gather { Axis = 0 }, states, b.Integers(l)), [1, hidden]);
            var keep = b.Sigmoid(b.MatMul(h, Drawn($"c{l}", hidden, layers[l].Columns)));
            b.Output($"keep {l}", keep);
            var mask = b.Input($"mask {l}", DType.Float32, [batch, layers[l].Columns + 1]);
            // The column of ones at the end has the probability 1, whose logarithm is 0.
            var chance = b.Apply(new Concat(1), b.Mul(keep, b.Input($"scale {l}", DType.Float32, [1, layers[l].Columns])), b.Constant(Tensor.Full<float>([1, 1], 1)));
            var drawn = b.Add(b.Mul(chance, mask), b.Mul(b.Sub(1, chance), b.Sub(1, mask)));
            var sum = b.ReduceSum(b.Log(b.Max(drawn, b.Scalar(LeastChance, drawn))), [1], keepdims: false);
            logarithms = logarithms is null ? sum : b.Add(logarithms, sum);
        }
        var loss = b.ReduceMean(b.Mul(advantage, logarithms!), [0], keepdims: false);
        var rateInput = b.Input("rate", DType.Float32, Shape.Scalar);
        var number = b.Input("number", DType.Float32, Shape.Scalar);
        var gradients = Gradients.Add(b, loss, learned);
        for (var i = 0; i < learned.Count; i++) b.Update(learned[i], new RmsProp { Alpha = 0.9 }.Apply(new OptimizerStep(b, learned[i], gradients[i], rateInput, number, 0)));
        _feed["rate"] = Tensor.Scalar((float)rate);
        _feed["number"] = Tensor.Scalar(0f);
        _session = new Session(b.Build(), new SessionOptions { Threads = 1 });

        Value Drawn(string name, int rows, int columns) => Filled(name, [rows, columns], Math.Sqrt(2.0 / (rows + columns)));

        Value Recurrent(string name) => Filled(name, [1, 4 * hidden, hidden], Math.Sqrt(1.0 / hidden));

        // Biases are zero but that of the forget gate, the third of four, which is 1.
        Value Forgetting()
        {
            var data = new float[8 * hidden];
            Array.Fill(data, 1f, 2 * hidden, hidden);
            return Learned("bias", Tensor.Of<float>([1, 8 * hidden], data));
        }

        Value Filled(string name, Shape shape, double deviation)
        {
            var tensor = Tensor.Empty(DType.Float32, shape);
            foreach (ref var w in tensor.Span<float>()) w = (float)(rng.NextGaussian() * deviation);
            return Learned(name, tensor);
        }

        Value Learned(string name, Tensor tensor)
        {
            learned.Add(b.Parameter(name, tensor));
            return learned[^1];
        }
    }

    /// <summary>
    /// One step of the policy gradient (the paper's section 4.3): the gradient of the mean over samples of advantage x log of the chance of the masks that
    /// were drawn.
    /// </summary>
    /// <param name="weights">M of every layer.</param>
    /// <param name="masks">The masks drawn, [N, n + 1], with a column of ones at the end.</param>
    /// <param name="scales">What a probability was multiplied by before it was drawn from, [1, n].</param>
    /// <param name="advantage">How much worse than usual each sample fared, [N].</param>
    /// <returns>The probabilities of every layer before the step.</returns>
    public float[][] Step(IReadOnlyList<Tensor> weights, IReadOnlyList<Tensor> masks, IReadOnlyList<Tensor> scales, Tensor advantage)
    {
        for (var l = 0; l < _layers; l++) (_feed[$"weights {l}"], _feed[$"mask {l}"], _feed[$"scale {l}"]) = (weights[l], masks[l], scales[l]);
        _feed["advantage"] = advantage;
        _feed["number"].Span<float>()[0]++;
        var outputs = _session.Run(_feed);
        return [.. Enumerable.Range(0, _layers).Select(l => outputs[$"keep {l}"].ToSingle())];
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();
}
