using Nabi.Compression.Quantization.Quantizers;
using Nabi.Ops;

namespace Nabi.Compression.Tests.Quantization.Quantizers;

public class QuantizerTests
{
    // The quantized numbers, and the gradients of their sum weighted by 1, 10, 100, ... for the numbers and for each learned parameter.
    private static Dictionary<string, float[]> Run(Quantizer quantizer, bool isWeight, int bits, float[] numbers, Dictionary<string, float>? learned = null, float[]? sample = null)
    {
        var b = new GraphBuilder("g");
        var x = b.Parameter("x", Tensor.Vector<float>(numbers).Reshape([1, numbers.Length]));
        var site = new QuantizerSite(b, x, "x", bits, sample ?? numbers, numbers.Length);
        var y = isWeight ? quantizer.Weight(site) : quantizer.Activation(site);
        var seeds = b.Constant(Tensor.Vector<float>([.. numbers.Select((_, i) => MathF.Pow(10, i))]).Reshape([1, numbers.Length]));
        var parameters = b.Parameters.Where(p => p.IsTrainable).ToArray();
        var gradients = Gradients.Add(b, b.ReduceSum(b.Mul(y, seeds), [], keepdims: false), parameters);
        b.Output("y", y);
        for (var i = 0; i < parameters.Length; i++) b.Output($"d.{parameters[i].Name}", gradients[i]);
        var graph = b.Build();
        if (learned is not null) graph = graph.WithParameters(learned.ToDictionary(p => $"x.{p.Key}", p => Tensor.Vector(p.Value)));
        return ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor>()).ToDictionary(o => o.Key, o => o.Value.ToSingle());
    }

    private static void Near(float[] expected, float[] actual, float tolerance = 1e-4f)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])), $"{i}: {expected[i]} expected, {actual[i]} found");
    }

    [Fact]
    public void A_step_learns_as_in_equation_3_of_LSQ_scaled_by_equation_4()
    {
        var found = Run(new Lsq(), isWeight: true, bits: 3, [-9, -0.6f, 0.9f, 7], new() { ["step"] = 0.5f });
        Near([-2, -0.5f, 1, 1.5f], found["y"]);                       // -4, -1, 2 and 3 steps; -1.2 and 1.8 are rounded
        Near([0, 10, 100, 0], found["d.x"]);
        var sum = (1 * -4) + (10 * (-1 + 1.2f)) + (100 * (2 - 1.8f)) + (1000 * 3);
        Near([sum / MathF.Sqrt(4 * 3)], found["d.x.step"]);
    }

    [Fact]
    public void A_step_starts_at_twice_the_mean_magnitude_over_the_root_of_the_largest_integer()
    {
        var b = new GraphBuilder("g");
        new Lsq().Activation(new QuantizerSite(b, b.Input("x", DType.Float32, [Shape.Unknown, 4]), "x", 4, [0, 1, 2, 3], 4));
        Assert.Equal(2 * 1.5f / MathF.Sqrt(15), b.Parameters.Single(p => p.Name == "x.step").Data!.ToSingle()[0], 5);
    }

    [Fact]
    public void A_clipping_level_learns_from_what_it_clips_as_in_equation_3_of_PACT()
    {
        var found = Run(new Pact(), isWeight: false, bits: 2, [-1, 0.4f, 1.4f, 3, 5], new() { ["clip"] = 3 });
        Near([0, 0, 1, 3, 3], found["y"]);
        Near([0, 10, 100, 0, 0], found["d.x"]);
        Near([11000], found["d.x.clip"]);
    }

    [Fact]
    public void Weights_follow_equation_9_of_DoReFa_and_activations_equation_11()
    {
        float[] w = [-0.8f, -0.2f, 0.1f, 0.5f];
        var found = Run(new Dorefa(), isWeight: true, bits: 2, w);
        var unit = Array.ConvertAll(w, v => MathF.Tanh(v) / MathF.Tanh(0.8f));
        Near(Array.ConvertAll(unit, u => 2 * MathF.Round(3 * ((u / 2) + 0.5f)) / 3 - 1), found["y"]);
        var slope = Array.ConvertAll(w, v => (1 - (MathF.Tanh(v) * MathF.Tanh(v))) / MathF.Tanh(0.8f));
        // The largest magnitude divides all the others, so it takes their parts: d unit_i / d w_0 = -unit_i slope_0 sign(w_0).
        var ofLargest = slope[0] + (slope[0] * ((1 * unit[0]) + (10 * unit[1]) + (100 * unit[2]) + (1000 * unit[3])));
        Near([ofLargest, 10 * slope[1], 100 * slope[2], 1000 * slope[3]], found["d.x"]);

        var activation = Run(new Dorefa(), isWeight: false, bits: 2, [-0.3f, 0.2f, 0.6f, 1.7f]);
        Near([0, 1 / 3f, 2 / 3f, 1], activation["y"]);
        Near([0, 10, 100, 0], activation["d.x"]);
    }

    [Fact]
    public void One_bit_of_DoReFa_is_the_sign_times_the_mean_magnitude()
    {
        var found = Run(new Dorefa(), isWeight: true, bits: 1, [-3, 1, 2, -2]);
        Near([-2, 2, 2, -2], found["y"]);
        Near([1, 10, 100, 1000], found["d.x"]);
    }

    [Fact]
    public void An_interval_prunes_clips_and_learns_as_the_transformer_of_QIL()
    {
        // Interval [0.2, 1]: alpha = 1.25, beta = -0.25; t = 0.5 for 0.6, raised to gamma 2 is 0.25.
        var found = Run(new Qil(), isWeight: true, bits: 3, [0.1f, -0.6f, 0.6f, 4], new() { ["center"] = 0.6f, ["distance"] = 0.4f, ["gamma"] = 2 });
        Near([0, -1 / 3f, 1 / 3f, 1], found["y"]);                    // 0.25 is nearest to 1/3
        Near([0, 10 * 1.25f, 100 * 1.25f, 0], found["d.x"]);          // 2 t alpha
        Near([90 * 0.25f * MathF.Log(0.5f)], found["d.x.gamma"]);     // t^2 ln t
        Near([90 * 2 * 0.5f * -1.25f], found["d.x.center"]);          // dt/dc = -0.5 / d
        Near([90 * 2 * 0.5f * 0], found["d.x.distance"], 1e-3f);      // dt/dd = -0.5 (|w| - c) / d^2
        var activation = Run(new Qil(), isWeight: false, bits: 2, [0.1f, 0.7f, 0.9f, 4], new() { ["center"] = 0.6f, ["distance"] = 0.4f });
        Near([0, 2 / 3f, 1, 1], activation["y"]);
        Near([0, 10 * 1.25f, 100 * 1.25f, 0], activation["d.x"]);
        Near([-1.25f * 110], activation["d.x.center"]);
        Near([-0.5f / 0.16f * ((10 * 0.1f) + (100 * 0.3f))], activation["d.x.distance"], 1e-3f);
    }

    [Fact]
    public void The_smallest_and_largest_number_make_the_range()
    {
        var found = Run(new MinMax(), isWeight: true, bits: 3, [-0.3f, 0.1f, 0.14f, 0.2f]);
        Near([-0.3f, 0.1f, 0.1f, 0.2f], found["y"]);
        Near([1, 10, 100, 1000], found["d.x"]);
        var activation = Run(new MinMax(), isWeight: false, bits: 2, [-1, 0.2f, 1, 5], sample: [-1, 2]);
        Near([-1, 0, 1, 2], activation["y"]);
        Near([0, 10, 100, 0], activation["d.x"]);
    }

    public static TheoryData<string, int> Binnings()
    {
        var data = new TheoryData<string, int>();
        foreach (var shape in new[] { "uniform", "gaussian", "laplace" })
            foreach (var bits in new Sawb().WeightBits)
                if (bits < 8 || shape != "uniform") data.Add(shape, bits);   // the pair for 8 bits clips a fifth of an even distribution
        return data;
    }

    // The paper's claim: two statistics tell nearly the best scale, whatever the shape of the distribution.
    [Theory]
    [MemberData(nameof(Binnings))]
    public void Two_statistics_tell_nearly_the_best_scale(string shape, int bits)
    {
        var rng = new Rng(3);
        var numbers = new float[20_000];
        foreach (ref var w in numbers.AsSpan())
        {
            var u = (2 * rng.NextDouble()) - 1;
            w = 0.05f * (float)(shape == "uniform" ? u : shape == "gaussian" ? rng.NextGaussian() : -Math.Sign(u) * Math.Log(1 - Math.Abs(u)));
        }
        var (found, levels) = (Run(new Sawb(), isWeight: true, bits, numbers)["y"], (1 << bits) - 1);
        double Error(Func<float, double> rounded) => numbers.Sum(w => Math.Pow(rounded(w) - w, 2));
        var least = Enumerable.Range(1, 200).Select(i => numbers.Max(Math.Abs) * i / 200.0)
            .Min(a => Error(w => a * ((2 * Math.Clamp(Math.Round(((w / a) + 1) / 2 * levels), 0, levels) / levels) - 1)));
        var own = found.Zip(numbers, (q, w) => Math.Pow(q - w, 2)).Sum();
        Assert.InRange(own, least * 0.999, least * 1.35);
    }

    [Fact]
    public void Binned_weights_take_all_levels_and_pass_their_gradient()
    {
        // E|w| = 0.65 and sqrt(E(w^2)) = 0.7036 give a = 0.8535 for two bits.
        var found = Run(new Sawb(), isWeight: true, bits: 2, [-1, -0.5f, 0.3f, 0.8f]);
        Near([-0.8535f, -0.2845f, 0.2845f, 0.8535f], found["y"], 1e-3f);
        Near([1, 10, 100, 1000], found["d.x"]);
    }

    [Fact]
    public void Weights_of_one_magnitude_keep_it() => Near([0.5f, -0.5f, 0.5f], Run(new Sawb(), isWeight: true, bits: 4, [0.5f, -0.5f, 0.5f])["y"]);

    public static TheoryData<string, int, bool> Methods()
    {
        var data = new TheoryData<string, int, bool>();
        foreach (var name in Quantizer.Names)
            foreach (var bits in new[] { 2, 3, 4, 8 })
            {
                data.Add(name, bits, true);
                data.Add(name, bits, false);
            }
        return data;
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Numbers_take_no_more_levels_than_the_bits_have_and_stay_once_they_are_there(string name, int bits, bool isWeight)
    {
        var rng = new Rng(7);
        var numbers = new float[4000];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = isWeight ? (float)rng.NextGaussian() * 0.1f : Math.Max(0, (float)rng.NextGaussian());
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [1, numbers.Length]);
        var site = new QuantizerSite(b, x, "x", bits, numbers, numbers.Length);
        var quantizer = Quantizer.Create(name);
        b.Output("y", isWeight ? quantizer.Weight(site) : quantizer.Activation(site));
        var graph = b.Build();
        float[] Quantized(float[] values) => ReferenceEvaluator.Run(graph, new Dictionary<string, Tensor> { ["x"] = Tensor.Vector<float>(values).Reshape([1, values.Length]) })["y"].ToSingle();

        var levels = Quantized(numbers).Distinct().Order().ToArray();
        Assert.InRange(levels.Length, 3, 1 << bits);
        for (var i = 1; i < levels.Length; i++) Assert.True(levels[i] - levels[i - 1] > 1e-5f);
        if (name is "lsq" or "min-max")
        {
            var once = Quantized(numbers);
            Near(once, Quantized(once));
        }
        Assert.Contains(graph.Nodes, n => n.Op is FakeQuantize);
    }

    [Fact]
    public void There_is_no_quantizer_of_another_name() =>
        Assert.Contains("lsq", Assert.Throws<NabiException>(() => Quantizer.Create("magic")).Message, StringComparison.Ordinal);
}
