using Nabi.Compression.Quantization;
using Nabi.Ops;
using Nabi.Runtime;

namespace Nabi.Compression.Tests.Quantization;

public class QuantizeInt8Tests
{
    private static Dictionary<string, Tensor> Feed(int samples)
    {
        var data = TinyNet.Data.Test;
        var values = Enumerable.Range(0, samples).SelectMany(i => data.Bytes(i).ToArray().Select(v => v / 255f)).ToArray();
        return new() { ["x"] = Tensor.Of<float>(Shape.Create([samples, .. data.SampleShape.Dims]), values) };
    }

    [Fact]
    public void Accuracy_stays_and_weights_are_bytes()
    {
        var context = TinyNet.Context;
        var quantized = new QuantizeInt8().Apply(TinyNet.Trained, context);
        Assert.InRange(TinyNet.Accuracy(quantized), TinyNet.Accuracy(TinyNet.Trained) - 0.03, 1);
        Assert.All(quantized.Nodes.Where(n => n.Op is Conv or Gemm), n => Assert.Equal(DType.Int8, n.Inputs[1]!.Producer!.Inputs[0]!.DType));
        Assert.All(quantized.Nodes.Where(n => n.Op is Conv or Gemm), n => Assert.Equal(DType.Int32, n.Inputs[2]!.Producer!.Inputs[0]!.DType));
        long Bytes(Graph g) => g.Parameters.Sum(p => p.Type.Bytes);
        Assert.True(Bytes(quantized) * 2 < Bytes(TinyNet.Trained), $"{Bytes(quantized)} of {Bytes(TinyNet.Trained)}");
        Assert.DoesNotContain(quantized.Nodes, n => n.Op is BatchNormalization or FakeQuantize);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Integers_compute_what_fake_quantization_does(bool perChannel, bool learnsRanges)
    {
        var prepared = QuantizationPreparation.Of(TinyNet.Trained, new() { Observer = "min-max", Samples = 64, Weights = new() { PerChannel = perChannel }, LearnsRanges = learnsRanges }, TinyNet.Context);
        var expected = ReferenceEvaluator.Run(prepared.Fake, Feed(8))["scores"].ToSingle();
        var actual = ReferenceEvaluator.Run(Integers.Pass.Apply(prepared.Fake), Feed(8))["scores"].ToSingle();
        Assert.Equal(expected, actual);
        Assert.NotEqual(ReferenceEvaluator.Run(prepared.Folded, Feed(8))["scores"].ToSingle(), actual);
    }

    [Fact]
    public void A_run_of_integers_allocates_nothing()
    {
        using var session = new Session(new QuantizeInt8().Apply(TinyNet.Trained, TinyNet.Context), new SessionOptions { Threads = 2 });
        Tensor[] inputs = [Feed(1)["x"]];
        var outputs = session.OutputsFor(inputs);
        for (var i = 0; i < 3; i++) session.Run(inputs, outputs);
        var before = GC.GetAllocatedBytesForCurrentThread();
        session.Run(inputs, outputs);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Contains(session.Plan!.Steps, s => s.Kernel is "qconv" or "qconv.vnni");
    }

    [Fact]
    public void Every_layer_is_reported_with_its_noise()
    {
        var context = TinyNet.Context;
        new QuantizeInt8 { KeepFirst = true }.Apply(TinyNet.Trained, context);
        var layers = context.Notes.Layers;
        Assert.Contains(layers, l => l.Op == "Add");
        Assert.All(layers.Where(l => l.KeptInFloat is null), l => Assert.InRange(l.Sqnr, 15, 80));
        Assert.Equal("it is the first layer, which the recipe keeps", layers[0].KeptInFloat);
    }

    [Fact]
    public void Kept_layers_keep_their_float_weights()
    {
        var quantized = new QuantizeInt8 { KeepFirst = true, KeepLast = true }.Apply(TinyNet.Trained, TinyNet.Context);
        var layers = quantized.Nodes.Where(n => n.Op is Conv or Gemm).ToArray();
        Assert.NotNull(layers[0].Inputs[1]!.Data);
        Assert.NotNull(layers[^1].Inputs[1]!.Data);
        Assert.Null(layers[1].Inputs[1]!.Data);
    }

    [Fact]
    public void A_layer_to_keep_must_exist()
    {
        var error = Assert.Throws<NabiException>(() => new QuantizeInt8 { Keep = ["nowhere"] }.Apply(TinyNet.Trained, TinyNet.Context));
        Assert.Contains("'nowhere'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_rounded_between_a_layer_and_its_activation()
    {
        var quantized = new QuantizeInt8().Apply(TinyNet.Trained, TinyNet.Context);
        foreach (var relu in quantized.Nodes.Where(n => n.Op is Relu))
            Assert.True(relu.Inputs[0]!.Producer!.Op is Conv or Add);
    }

    [Fact]
    public void Max_pooling_shares_the_grid_of_its_input()
    {
        var quantized = new QuantizeInt8().Apply(TinyNet.Trained, TinyNet.Context);
        var pool = quantized.Nodes.First(n => n.Op is MaxPool);
        Assert.Same(pool.Inputs[0]!.Producer!.Inputs[1], pool.Output.Users[0].Inputs[1]);
    }

    [Fact]
    public void Bias_correction_takes_away_the_shift()
    {
        var prepared = QuantizationPreparation.Of(TinyNet.Trained, new() { Observer = "min-max", Samples = 64, Weights = new() { PerChannel = false } }, TinyNet.Context);
        var corrected = BiasCorrection.Apply(prepared, TinyNet.Context, 64);
        double Shift(Graph fake)
        {
            var loader = CalibrationBatches.Of(prepared.Folded, TinyNet.Context, 64);
            var (sum, count) = (0.0, 0);
            foreach (var batch in loader.Epoch(0))
            {
                var feed = new Dictionary<string, Tensor> { ["x"] = batch.Inputs };
                var (a, b) = (ReferenceEvaluator.Run(prepared.Folded, feed)["scores"].ToSingle(), ReferenceEvaluator.Run(fake, feed)["scores"].ToSingle());
                for (var i = 0; i < a.Length; i++, count++) sum += a[i] - b[i];
            }
            return Math.Abs(sum / count);
        }
        Assert.True(Shift(corrected) <= Shift(prepared.Fake) + 1e-4);
    }

    [Fact]
    public void A_huge_bias_still_fits_its_integer()
    {
        var scales = WeightGrid.Fit(Tensor.Full<float>([2, 3], 1e-6f), new WeightAxes(1, 0, 1), new()).Scales.ToSingle();
        FakeQuantization.WidenForBias(scales, 1e-3f, [1000, 0]);
        Assert.True(1000 / (1e-3f * scales[0]) <= Integers.BiasLimit);
        Assert.Equal(1e-6f / 127, scales[1], 1e-12f);
    }
}
