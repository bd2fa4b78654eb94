using Nabi.Ops;
using Nabi.Runtime;

namespace Nabi.Bench;

/// <summary>One training step of ResNet-8 (the image classifier of MLPerf Tiny: three stages of one block, 16 to 64 channels) and its inference.</summary>
internal static class TrainingStep
{
    private const int Runs = 15;

    /// <summary>Measures and prints.</summary>
    /// <param name="threads">Threads of the session.</param>
    /// <param name="batch">Images per step.</param>
    /// <param name="perStep">Print every step of the plan too?</param>
    public static void Run(int threads, int batch, bool perStep)
    {
        Measure("train", Training(batch), threads, batch, perStep);
        Measure("infer", Inference(batch), threads, batch, perStep);
        Measure("infer", Inference(1), threads, 1, perStep: false);
    }

    private static void Measure(string name, Graph graph, int threads, int batch, bool perStep)
    {
        using var session = new Session(graph, new SessionOptions { Threads = threads });
        var feed = graph.Inputs.ToDictionary(i => i.Name, Filled);
        for (var i = 0; i < 5; i++) session.Run(feed);
        var seconds = new double[Runs];
        for (var i = 0; i < Runs; i++)
        {
            var start = TimeProvider.System.GetTimestamp();
            session.Run(feed);
            seconds[i] = TimeProvider.System.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        var plan = session.Plan!;
        var flops = plan.Steps.Sum(s => 2.0 * s.Macs);
        var median = seconds[Runs / 2];
        Console.WriteLine($"{name} batch {batch}: {median * 1e3:F2} ms, {flops / median / 1e9:F1} GFLOP/s, {batch / median:F0} images/s, {plan.Steps.Count} steps, arena {plan.ArenaBytes >> 10} KiB (peak live {plan.PeakLiveBytes >> 10} KiB), reference: {string.Join(' ', plan.ReferenceKernels)}");
        if (perStep) Console.WriteLine(session.Profile(feed, Runs, TimeProvider.System));
    }

    private static Tensor Filled(Value input)
    {
        if (input.DType == DType.Int64) return Tensor.Zeros(DType.Int64, input.Shape);
        var rng = new Rng(1);
        var tensor = Tensor.Empty(DType.Float32, input.Shape);
        foreach (ref var e in tensor.Span<float>()) e = input.Shape.Rank == 0 ? 0.01f : (float)rng.NextGaussian();
        return tensor;
    }

    private static Graph Inference(int batch)
    {
        var b = new GraphBuilder("resnet8");
        b.Output("scores", new Network(b, isTraining: false).Scores(b.Input("x", DType.Float32, [batch, 3, 32, 32])));
        return b.Build();
    }

    private static Graph Training(int batch)
    {
        var b = new GraphBuilder("resnet8-step");
        var net = new Network(b, isTraining: true);
        var labels = b.Input("labels", DType.Int64, [batch]);
        var rate = b.Input("rate", DType.Float32, Shape.Scalar);
        var loss = b.Apply(new SoftmaxCrossEntropyLoss(), net.Scores(b.Input("x", DType.Float32, [batch, 3, 32, 32])), labels);
        var gradients = Gradients.Add(b, loss, net.Trained);
        for (var i = 0; i < net.Trained.Count; i++)
        {
            var (p, velocity) = (net.Trained[i], b.Constant(Tensor.Zeros(DType.Float32, net.Trained[i].Shape), "velocity"));
            var outputs = b.ApplyAll(new SgdUpdate { Momentum = 0.9f, WeightDecay = 1e-4f }, 2, p, gradients[i], rate, velocity);
            b.Update(p, outputs[0]);
            b.Update(velocity, outputs[1]);
        }
        b.Output("loss", loss);
        return b.Build();
    }

    private sealed class Network(GraphBuilder b, bool isTraining)
    {
        private readonly Rng _rng = new(7);

        public List<Value> Trained { get; } = [];

        public Value Scores(Value x)
        {
            var y = b.Relu(Normalized(Conv(x, 3, 16, 3, 1), 16));
            for (var stage = 0; stage < 3; stage++)
            {
                var (from, to, stride) = (16 << Math.Max(0, stage - 1), 16 << stage, stage == 0 ? 1 : 2);
                var main = Normalized(Conv(b.Relu(Normalized(Conv(y, from, to, 3, stride), to)), to, to, 3, 1), to);
                y = b.Relu(b.Add(main, stage == 0 ? y : Conv(y, from, to, 1, stride)));
            }
            return b.Dense(b.Apply(new Flatten(), b.Apply(new GlobalAveragePool(), y)), Parameter([10, 64]), Parameter([10]));
        }

        private Value Parameter(Shape shape, float start = 0)
        {
            var data = Tensor.Empty(DType.Float32, shape);
            foreach (ref var e in data.Span<float>()) e = start + (float)(0.1 * _rng.NextGaussian());
            Trained.Add(b.Parameter("p", data));
            return Trained[^1];
        }

        private Value Conv(Value x, int from, int to, int kernel, int stride) => b.Conv(x, Parameter([to, from, kernel, kernel]), stride: stride, pad: kernel / 2);

        private Value Normalized(Value x, int channels)
        {
            var (mean, variance) = (b.Constant(Tensor.Zeros(DType.Float32, [channels]), "mean"), b.Constant(Tensor.Full<float>([channels], 1), "variance"));
            var outputs = b.ApplyAll(new BatchNormalization { TrainingMode = isTraining }, isTraining ? 5 : 1, x, Parameter([channels], 1), Parameter([channels]), mean, variance);
            if (isTraining) b.Update(mean, outputs[1]);
            if (isTraining) b.Update(variance, outputs[2]);
            return outputs[0];
        }
    }
}
