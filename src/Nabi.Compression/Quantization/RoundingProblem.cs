using Nabi.Ops;
using Nabi.Runtime;
using Nabi.Training;

namespace Nabi.Compression.Quantization;

/// <summary>One layer's part of <see cref="AdaRound"/>: its inputs with everything before it quantized, the outputs it should have, and its grid.</summary>
internal sealed class RoundingProblem
{
    // The rectified sigmoid reaches 0 and 1: h(V) = clip(sigmoid(V) (zeta - gamma) + gamma, 0, 1).
    private const double Zeta = 1.1;
    private const double Gamma = -0.1;

    // f_reg begins after this part of the steps, then beta falls.
    private const double WarmUp = 0.2;
    private const double FirstBeta = 20;
    private const double LastBeta = 2;

    private readonly Node _layer;
    private readonly Node? _activation;
    private readonly Node? _biasAdd;
    private readonly Tensor[] _inputs;
    private readonly Tensor[] _targets;
    private readonly float[] _low;
    private readonly float[] _step;
    private readonly float[] _rest;

    private RoundingProblem(Node layer, Node? biasAdd, Node? activation, Tensor[] inputs, Tensor[] targets, (float[] Low, float[] Step, float[] Remainder) grid) =>
        (_layer, _biasAdd, _activation, _inputs, _targets, (_low, _step, _rest)) = (layer, biasAdd, activation, inputs, targets, grid);

    /// <summary>Collects inputs and outputs of a layer.</summary>
    public static RoundingProblem Of(QuantizationPreparation prepared, Node layer, CompressionContext context, int samples)
    {
        var tail = QuantizationSites.TailOf(layer);
        var activation = tail.Producer!.Op is Relu or Clip ? tail.Producer : null;
        var sum = activation is null ? tail : activation.Inputs[0]!;
        var fake = prepared.Fake.Nodes.First(n => n.Name == layer.Name && n.Op == layer.Op);
        var loader = CalibrationBatches.Of(prepared.Folded, context, samples);
        using var exact = new ObservedGraph(prepared.Folded, [tail.Name], loader.Options.BatchSize, context.Threads);
        using var quantized = new ObservedGraph(prepared.Fake, [fake.Inputs[0]!.Name], loader.Options.BatchSize, context.Threads);
        var (inputs, targets) = (new List<Tensor>(), new List<Tensor>());
        foreach (var batch in loader.Epoch(0))
        {
            context.Cancellation.ThrowIfCancellationRequested();
            inputs.AddRange(Samples(quantized.Run(batch.Inputs)[fake.Inputs[0]!.Name], batch.Count));
            targets.AddRange(Samples(exact.Run(batch.Inputs)[tail.Name], batch.Count));
        }
        return new RoundingProblem(layer, sum.Producer == layer ? null : sum.Producer, activation, [.. inputs], [.. targets], Grid(prepared, layer, fake));
    }

    /// <summary>The weight, each number rounded up or down.</summary>
    public Tensor Solve(AdaRound settings, Rng rng, CompressionContext context)
    {
        var batch = Math.Min(settings.Batch, _inputs.Length);
        var (graph, v) = Build(settings, batch);
        using var session = new Session(graph, new SessionOptions { Threads = context.Threads, Seed = context.Seed });
        var feed = new Dictionary<string, Tensor>(StringComparer.Ordinal)
        {
            ["x"] = Tensor.Empty(DType.Float32, _inputs[0].Shape.With(0, batch)),
            ["target"] = Tensor.Empty(DType.Float32, _targets[0].Shape.With(0, batch)),
        };
        foreach (var name in (string[])["rate", "number", "beta", "lambda"]) feed[name] = Tensor.Scalar(0f);
        feed["rate"].Span<float>()[0] = (float)settings.Rate;
        for (var i = 0; i < settings.Iterations; i++)
        {
            if (i % 64 == 0) context.Cancellation.ThrowIfCancellationRequested();
            for (var n = 0; n < batch; n++)
            {
                var sample = rng.Next(_inputs.Length);
                _inputs[sample].Bytes.CopyTo(feed["x"].Bytes[(n * _inputs[sample].Bytes.Length)..]);
                _targets[sample].Bytes.CopyTo(feed["target"].Bytes[(n * _targets[sample].Bytes.Length)..]);
            }
            var progress = ((double)i / settings.Iterations - WarmUp) / (1 - WarmUp);
            feed["number"].Span<float>()[0] = i + 1;
            feed["lambda"].Span<float>()[0] = progress < 0 ? 0 : (float)settings.Regularization;
            feed["beta"].Span<float>()[0] = (float)(LastBeta + (FirstBeta - LastBeta) * (1 + Math.Cos(Math.PI * Math.Max(0, progress))) / 2);
            session.Run(feed);
        }
        var (values, rounded) = (v.ToSingle(), new float[_low.Length]);
        for (var i = 0; i < rounded.Length; i++) rounded[i] = values[i] >= 0 ? _low[i] + _step[i] : _low[i];
        return Tensor.Of<float>(v.Shape, rounded);
    }

    // One step: soft weights, the layer, both terms of the loss, and Adam on V.
    private (Graph Graph, Tensor V) Build(AdaRound settings, int batch)
    {
        var b = new GraphBuilder("adaptive rounding");
        var axes = WeightAxes.Of(_layer)!.Value;
        var shape = _layer.Inputs[axes.Input]!.Shape;
        Value Number(string name) => b.Input(name, DType.Float32, Shape.Scalar);
        var (x, target) = (b.Input("x", DType.Float32, _inputs[0].Shape.With(0, batch)), b.Input("target", DType.Float32, _targets[0].Shape.With(0, batch)));
        var (rate, number, beta, lambda) = (Number("rate"), Number("number"), Number("beta"), Number("lambda"));
        // h begins at the remainder, so that the soft weight begins at the float one.
        var start = Array.ConvertAll(_rest, r => (float)-Math.Log((Zeta - Gamma) / (Math.Clamp(r, 0.01, 0.99) - Gamma) - 1));
        var v = b.Parameter("v", Tensor.Of<float>(shape, start));
        var h = b.Clip(b.Add(b.Mul(b.Sigmoid(v), Zeta - Gamma), Gamma), 0, 1);
        var soft = b.Add(b.Constant(Tensor.Of<float>(shape, _low)), b.Mul(b.Constant(Tensor.Of<float>(shape, _step)), h));
        var inputs = _layer.Inputs.Select((value, i) => i == 0 ? x : i == axes.Input ? soft : value is null ? null : b.Constant(value.Data!, value.Name)).ToArray();
        var y = b.ApplyAll(_layer.Op, 1, inputs)[0];
        if (_biasAdd is not null) y = b.Add(y, b.Constant(QuantizationSites.BiasOf(_biasAdd, _layer.Output)!.Data!));
        if (_activation is not null) y = b.ApplyAll(_activation.Op, 1, [y, .. _activation.Inputs.Skip(1).Select(i => i is null ? null : b.Constant(i.Data!))])[0];
        var difference = b.Sub(y, target);
        // The squared distance of each output vector, the mean over samples and places.
        var vectors = (double)y.Shape.Count / y.Shape[_layer.Op is Conv ? 1 : y.Shape.Rank - 1];
        var distance = b.Mul(b.ReduceSumSquare(difference, [], keepdims: false), 1 / vectors);
        var regular = b.ReduceSum(b.Sub(1, b.Pow(b.Abs(b.Add(b.Mul(h, 2), -1)), beta)), [], keepdims: false);
        var loss = b.Add(distance, b.Mul(lambda, regular));
        var gradient = Gradients.Add(b, loss, [v])[0];
        b.Update(v, new Adam().Apply(new OptimizerStep(b, v, gradient, rate, number, 0)));
        b.Output("loss", loss);
        return (b.Build(), v.Data!);
    }

    // The two neighbours of every weight on its grid, and how far between them it lies.
    private static (float[] Low, float[] Step, float[] Remainder) Grid(QuantizationPreparation prepared, Node layer, Node fake)
    {
        var axes = WeightAxes.Of(layer)!.Value;
        if (fake.Inputs[axes.Input]!.Producer is not { Op: FakeQuantize op, Inputs: [_, { Data: { } scaleTensor }, ..] } rounding)
            throw new NabiException($"layer '{layer.Name}' has no rounded weight to choose the rounding of");
        var weight = layer.Inputs[axes.Input]!.Data!;
        var (values, scales) = (weight.ToSingle(), scaleTensor.ToSingle());
        var zeros = rounding.Inputs.Count > 2 ? rounding.Inputs[2]?.Data?.ToInt64() : null;
        var offsets = Affine.Offsets(weight.Shape, scaleTensor.Shape, op.Axis, 0);
        var (low, step, rest) = (new float[values.Length], new float[values.Length], new float[values.Length]);
        for (var i = 0; i < values.Length; i++)
        {
            var (scale, zero) = (scales[offsets[i]], zeros?[offsets[i]] ?? 0);
            var floor = MathF.Floor(values[i] / scale);
            rest[i] = values[i] / scale - floor;
            var lower = Math.Clamp(floor, op.QMin - zero, op.QMax - zero);
            low[i] = lower * scale;
            step[i] = (Math.Clamp(floor + 1, op.QMin - zero, op.QMax - zero) - lower) * scale;
        }
        return (low, step, rest);
    }

    private static IEnumerable<Tensor> Samples(Tensor batch, int count)
    {
        var size = batch.Count / batch.Shape[0];
        for (var n = 0; n < count; n++) yield return Tensor.Of<float>(batch.Shape.With(0, 1), batch.Span<float>().Slice(n * size, size));
    }
}
