using Nabi.Compression.Quantization;
using Nabi.Compression.Recipes;
using Nabi.Ops;
using Nabi.Runtime;

namespace Nabi.Compression.Tests.Quantization;

public class QuantizeTests
{
    private static Dictionary<string, Tensor> Feed(int samples)
    {
        var data = TinyNet.Data.Test;
        var values = Enumerable.Range(0, samples).SelectMany(i => data.Bytes(i).ToArray().Select(v => v / 255f)).ToArray();
        return new() { ["x"] = Tensor.Of<float>(Shape.Create([samples, .. data.SampleShape.Dims]), values) };
    }

    public static TheoryData<Quantize> Formats => [.. (Quantize[])
    [
        new() { WeightBits = 16, ActivationBits = 16 },
        new() { WeightBits = 8, ActivationBits = 8, SymmetricActivations = true },
        new() { WeightBits = 8, ActivationBits = 4 },
        new() { WeightBits = 4, ActivationBits = 8 },
        new() { WeightBits = 4, ActivationBits = 4, PerChannel = false },
        new() { WeightBits = 3, ActivationBits = 8, AsymmetricWeights = true },
        new() { WeightBits = 2, ActivationBits = 8, GroupSize = 8 },
        new() { WeightBits = 6, ActivationBits = 6 },
        new() { WeightBits = 8, ActivationBits = 32, PerChannel = false, AsymmetricWeights = true },
        new() { WeightBits = 4, ActivationBits = 32, GroupSize = 8, AsymmetricWeights = true },
    ]];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Integers_compute_what_fake_quantization_does(Quantize step)
    {
        var prepared = QuantizationPreparation.Of(TinyNet.Trained, step.Settings, TinyNet.Context);
        var integers = Integers.Pass.Apply(prepared.Fake);
        var expected = ReferenceEvaluator.Run(prepared.Fake, Feed(6))["scores"].ToSingle();
        Assert.Equal(expected, ReferenceEvaluator.Run(integers, Feed(6))["scores"].ToSingle());
        Assert.NotEqual(ReferenceEvaluator.Run(prepared.Folded, Feed(6))["scores"].ToSingle(), expected);
        Assert.DoesNotContain(integers.Nodes, n => n.Op is FakeQuantize);
        using var session = new Session(integers.WithBatch(6), new SessionOptions { Threads = 1 });
        var computed = session.Run(Feed(6))["scores"].ToSingle();
        // A tie that falls differently moves a result by some steps.
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], computed[i], step.ActivationBits < 8 ? 1.5f : 0.4f);
    }

    [Theory]
    [InlineData(2, DType.Int4)]
    [InlineData(3, DType.Int4)]
    [InlineData(4, DType.Int4)]
    [InlineData(5, DType.Int8)]
    [InlineData(8, DType.Int8)]
    [InlineData(16, DType.Int16)]
    public void Weights_take_the_narrowest_type_that_holds_them(int bits, DType type)
    {
        var quantized = new Quantize { WeightBits = bits, ActivationBits = 32 }.Apply(TinyNet.Trained, TinyNet.Context);
        Assert.All(quantized.Nodes.Where(n => n.Op is Conv or Gemm), n =>
        {
            var numbers = n.Inputs[1]!.Producer!.Inputs[0]!.Data!;
            Assert.Equal(type, numbers.DType);
            Assert.All(numbers.ToInt64(), q => Assert.InRange(q, -(1 << (bits - 1)), (1 << (bits - 1)) - 1));
        });
        Assert.DoesNotContain(quantized.Nodes, n => n.Op is QuantizeLinear);
    }

    [Fact]
    public void More_bits_are_closer()
    {
        double Noise(Quantize step)
        {
            var sqnr = new Sqnr();
            sqnr.Add(ReferenceEvaluator.Run(TinyNet.Trained, Feed(40))["scores"].ToSingle(), ReferenceEvaluator.Run(step.Apply(TinyNet.Trained, TinyNet.Context), Feed(40))["scores"].ToSingle());
            return sqnr.Decibels;
        }
        var byWeights = Array.ConvertAll([2, 3, 4, 6, 8], bits => Noise(new() { WeightBits = bits, ActivationBits = 32 }));
        var byActivations = Array.ConvertAll([3, 4, 6, 8], bits => Noise(new() { ActivationBits = bits }));
        Assert.Equal(byWeights.Order(), byWeights);
        Assert.Equal(byActivations.Order(), byActivations);
        Assert.True(Noise(new() { WeightBits = 16, ActivationBits = 16 }) > 60);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void More_scales_round_closer(int bits)
    {
        var rng = new Rng(8);
        var weight = Tensor.Empty(DType.Float32, [24, 64]);
        foreach (ref var w in weight.Span<float>()) w = (float)(rng.NextGaussian() * Math.Exp(rng.NextGaussian()));
        double Error(WeightFormat format)
        {
            var grid = WeightGrid.Fit(weight, new WeightAxes(1, 0, 1), format);
            var (numbers, groups) = (grid.Round(weight).ToInt64(), grid.Groups(weight.Shape));
            return weight.ToSingle().Select((w, i) => Math.Pow(w - grid.Scales.Span<float>()[groups[i]] * (numbers[i] - (grid.Zeros?.ToInt64()[groups[i]] ?? 0)), 2)).Sum();
        }
        var (tensor, channel) = (Error(new() { Bits = bits, PerChannel = false }), Error(new() { Bits = bits }));
        var group = Error(new() { Bits = bits, GroupSize = 16 });
        Assert.True(tensor > channel && channel > group, $"{tensor}, {channel}, {group}");
        Assert.True(group > Error(new() { Bits = bits, GroupSize = 16, IsSymmetric = false }));
    }

    // What an activation of 4 bits is limited to is one function with the activation before it, so that the integer kernels take it.
    [Fact]
    public void Four_bit_activations_run_on_integer_kernels()
    {
        var quantized = new Quantize { WeightBits = 4, ActivationBits = 4 }.Apply(TinyNet.Trained, TinyNet.Context);
        Assert.DoesNotContain(quantized.Nodes, n => n.Op is Relu);
        using var session = new Session(quantized.WithBatch(1), new SessionOptions { Threads = 1 });
        session.Run(Feed(1));
        var kernels = session.Plan!.Steps.Select(s => s.Kernel).ToArray();
        Assert.DoesNotContain(kernels, k => k.StartsWith("conv", StringComparison.Ordinal) || k.StartsWith("gemm", StringComparison.Ordinal));
        Assert.Contains(kernels, k => k.StartsWith("qconv", StringComparison.Ordinal));
    }

    [Fact]
    public void Single_layers_take_other_bits()
    {
        var context = TinyNet.Context;
        var layer = QuantizationPreparation.Of(TinyNet.Trained, new(), context).Layers[1].Name;
        var quantized = new Quantize { WeightBits = 8, LayerBits = [$"{layer}=4"] }.Apply(TinyNet.Trained, context);
        Assert.All(quantized.Nodes.Where(n => n.Op is Conv or Gemm), n =>
            Assert.Equal(n.Name == layer ? DType.Int4 : DType.Int8, n.Inputs[1]!.Producer!.Inputs[0]!.DType));
        Assert.Contains("'nowhere'", Assert.Throws<NabiException>(() => new Quantize { LayerBits = ["nowhere=4"] }.Apply(TinyNet.Trained, context)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("weight-bits: 1", "weight-bits")]
    [InlineData("activation-bits: 12", "activation-bits")]
    [InlineData("group-size: 3", "group-size")]
    [InlineData("layer-bits: [fc]", "layer-bits")]
    [InlineData("layer-bits: [fc=9]", "layer-bits")]
    [InlineData("observer: eye", "observer")]
    public void Settings_out_of_range_are_named(string setting, string named) =>
        Assert.Contains(named, Assert.Throws<NabiException>(() => RecipeFile.Parse($"steps:\n  - quantize: {{ {setting} }}\n", "r")).Message, StringComparison.Ordinal);
}
