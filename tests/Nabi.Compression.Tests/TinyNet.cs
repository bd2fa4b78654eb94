using Nabi.Training;
using Nabi.Training.Data;

namespace Nabi.Compression.Tests;

/// <summary>A small residual network with batch normalization on the drawn set glyphs, briefly trained once for all tests.</summary>
internal static class TinyNet
{
    public static DataSplits Data { get; } = Quarter(Glyphs.Draw(1200, 400, seed: 5));

    private static readonly Lazy<Graph> LazyTrained = new(() => new Trainer(Build(), Data.Train,
        new TrainingOptions { Epochs = 12, BatchSize = 32, LearningRate = 0.1 }) { Threads = 1 }.Run().Model);

    public static Graph Trained => LazyTrained.Value;

    public static CompressionContext Context => new() { Training = Data.Train, Validation = Data.Test, BatchSize = 32, Threads = 1, Seed = 1 };

    /// <summary>The trained net with the channels of the depthwise layer scaled and the layer after it scaled back: the same function, hard to quantize per tensor.</summary>
    public static Graph Unbalanced(Func<int, float> factorOf)
    {
        var graph = Passes.FoldBatchNormalization.Pass.Apply(Trained);
        var layers = graph.Nodes.Where(n => n.Op is Ops.Conv).ToArray();
        var (first, second) = (layers[^2], layers[^1]);
        Tensor weight = first.Inputs[1]!.Data!.Copy(), bias = first.Inputs[2]!.Data!.Copy(), next = second.Inputs[1]!.Data!.Copy();
        for (var c = 0; c < weight.Shape[0]; c++)
        {
            var factor = factorOf(c);
            foreach (ref var w in weight.Span<float>().Slice(c * 9, 9)) w *= factor;
            bias.Span<float>()[c] *= factor;
            for (var m = 0; m < next.Shape[0]; m++) next.Span<float>()[m * next.Shape[1] + c] /= factor;
        }
        return graph.WithParameters(new Dictionary<string, Tensor> { [first.Inputs[1]!.Name] = weight, [first.Inputs[2]!.Name] = bias, [second.Inputs[1]!.Name] = next });
    }

    public static double Accuracy(Graph graph) => Evaluator.Evaluate(graph, Data.Test).Accuracy;

    // Four of the ten classes at half the size: enough to learn in seconds.
    private static DataSplits Quarter(DataSplits full) => full with { Train = Quarter(full.Train), Test = Quarter(full.Test) };

    private static DataSet Quarter(DataSet full)
    {
        var indices = Enumerable.Range(0, full.Count).Where(i => full.Label(i) < 4).ToArray();
        const int Half = Glyphs.Size / 2;
        var samples = new byte[indices.Length * Half * Half];
        for (var n = 0; n < samples.Length; n++)
        {
            var (row, column) = (n / Half % Half * 2, n % Half * 2);
            var image = full.Bytes(indices[n / (Half * Half)]);
            samples[n] = (byte)((image[row * Glyphs.Size + column] + image[row * Glyphs.Size + column + 1]
                + image[(row + 1) * Glyphs.Size + column] + image[(row + 1) * Glyphs.Size + column + 1]) / 4);
        }
        return DataSet.Of("quarter", [1, Half, Half], samples, [.. indices.Select(full.Label)], ["0", "1", "2", "3"]);
    }

    public static Graph Build()
    {
        var b = new GraphBuilder("tiny");
        var rng = new Rng(11);
        var shape = Data.Train.SampleShape;
        var x = b.Input("x", DType.Float32, Shape.Create([Shape.Unknown, .. shape.Dims]));
        var y = b.MaxPool(b.Relu(ConvBn(x, 8, 3, "stem")), 2, 2);
        y = b.Relu(b.Add(y, ConvBn(b.Relu(ConvBn(y, 8, 3, "a")), 8, 3, "b")));
        y = b.Relu(ConvBn(y, 8, 3, "dw", group: 8, stride: 2));
        y = b.Relu(ConvBn(y, 16, 1, "pw"));
        y = b.Flatten(b.GlobalAveragePool(y));
        b.Output("scores", b.Dense(y, Weight("fc.w", Data.Train.ClassNames.Count, 16), b.Parameter("fc.b", Tensor.Zeros(DType.Float32, [Data.Train.ClassNames.Count]))));
        return b.Build();

        Value ConvBn(Value from, int channels, int kernel, string name, int group = 1, int stride = 1) => b.BatchNorm(
            b.Conv(from, Weight($"{name}.w", channels, from.Shape[1] / group, kernel, kernel), null, stride, kernel / 2, group: group),
            b.Parameter($"{name}.scale", Tensor.Full<float>([channels], 1)), b.Parameter($"{name}.shift", Tensor.Zeros(DType.Float32, [channels])),
            b.Constant(Tensor.Zeros(DType.Float32, [channels]), $"{name}.mean"), b.Constant(Tensor.Full<float>([channels], 1), $"{name}.var"));

        Value Weight(string name, params int[] dims)
        {
            var data = Tensor.Empty(DType.Float32, Shape.Create(dims));
            var scale = Math.Sqrt(2.0 / (data.Count / dims[0]));
            foreach (ref var w in data.Span<float>()) w = (float)(rng.NextGaussian() * scale);
            return b.Parameter(name, data);
        }
    }
}
