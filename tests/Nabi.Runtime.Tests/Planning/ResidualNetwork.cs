using Nabi.Ops;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>A small residual network with its training step: three stages of one block, batch normalization, SGD with momentum.</summary>
internal static class ResidualNetwork
{
    public static Graph TrainingStep(int batch, int size, int width)
    {
        var b = new GraphBuilder("step");
        var net = new Builder(b, new Rng(1));
        var x = b.Input("x", DType.Float32, [batch, 3, size, size]);
        var labels = b.Input("labels", DType.Int64, [batch]);
        var rate = b.Input("rate", DType.Float32, Shape.Scalar);
        var y = net.Normalized(net.Conv(x, 3, width, 3, 1), width, relu: true);
        for (var stage = 0; stage < 3; stage++)
        {
            var (from, to) = (width << Math.Max(0, stage - 1), width << stage);
            var stride = stage == 0 ? 1 : 2;
            var main = net.Normalized(net.Conv(net.Normalized(net.Conv(y, from, to, 3, stride), to, relu: true), to, to, 3, 1), to, relu: false);
            var shortcut = stage == 0 ? y : net.Conv(y, from, to, 1, stride);
            y = b.Relu(b.Add(main, shortcut));
        }
        var pooled = b.Apply(new Flatten(), b.Apply(new GlobalAveragePool(), y));
        var scores = b.Dense(pooled, net.Parameter("dense", [10, width << 2]), net.Parameter("dense.bias", [10]));
        var loss = b.Apply(new SoftmaxCrossEntropyLoss(), scores, labels);
        var gradients = Gradients.Add(b, loss, net.Trained);
        for (var i = 0; i < net.Trained.Count; i++)
        {
            var (p, velocity) = (net.Trained[i], b.Constant(Tensor.Zeros(DType.Float32, net.Trained[i].Shape), $"{net.Trained[i].Name}.velocity"));
            var outputs = b.ApplyAll(new SgdUpdate { Momentum = 0.9f, WeightDecay = 1e-4f }, 2, p, gradients[i], rate, velocity);
            b.Update(p, outputs[0]);
            b.Update(velocity, outputs[1]);
        }
        b.Output("loss", loss);
        b.Output("scores", scores);
        return b.Build();
    }

    public static Dictionary<string, Tensor> Feed(Graph graph, ulong seed)
    {
        var x = graph.Inputs.First(i => i.Name == "x");
        var labels = new long[x.Shape[0]];
        for (var i = 0; i < labels.Length; i++) labels[i] = (i + (long)seed) % 10;
        return new() { ["x"] = FusionTests.Random(x.Shape, seed + 9), ["labels"] = Tensor.Vector<long>(labels), ["rate"] = Tensor.Scalar(0.05f) };
    }

    private sealed class Builder(GraphBuilder b, Rng rng)
    {
        public List<Value> Trained { get; } = [];

        public Value Parameter(string name, Shape shape, float start = 0)
        {
            var data = Tensor.Empty(DType.Float32, shape);
            var deviation = shape.Rank > 1 ? Math.Sqrt(2.0 / shape.CountOf(1, shape.Rank)) : 0.1;
            foreach (ref var e in data.Span<float>()) e = start + (float)(deviation * rng.NextGaussian());
            Trained.Add(b.Parameter(name, data));
            return Trained[^1];
        }

        public Value Conv(Value x, int from, int to, int kernel, int stride) => b.Conv(x, Parameter("w", [to, from, kernel, kernel]), stride: stride, pad: kernel / 2);

        public Value Normalized(Value x, int channels, bool relu)
        {
            var (mean, variance) = (b.Constant(Tensor.Zeros(DType.Float32, [channels]), "mean"), b.Constant(Tensor.Full<float>([channels], 1), "variance"));
            var outputs = b.ApplyAll(new BatchNormalization { TrainingMode = true }, 5, x, Parameter("scale", [channels], 1), Parameter("offset", [channels]), mean, variance);
            b.Update(mean, outputs[1]);
            b.Update(variance, outputs[2]);
            return relu ? b.Relu(outputs[0]) : outputs[0];
        }
    }
}
