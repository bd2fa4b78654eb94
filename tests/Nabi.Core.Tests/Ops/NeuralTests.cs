using Nabi.Ops;
using Nabi.TestSuite;

namespace Nabi.Core.Tests.Operators;

public class NeuralTests
{
    [Fact]
    public void An_odd_pad_goes_where_the_automatic_padding_says()
    {
        var upper = new Window { KernelShape = [2], AutoPad = AutoPad.SameUpper }.Resolve([5]);
        var lower = new Window { KernelShape = [2], AutoPad = AutoPad.SameLower }.Resolve([5]);
        Assert.Equal((0, 1, 5), (upper.PadBegin[0], upper.PadEnd[0], upper.Output[0]));
        Assert.Equal((1, 0, 5), (lower.PadBegin[0], lower.PadEnd[0], lower.Output[0]));
    }

    [Theory]
    [InlineData(5, 2, 2, 0, 3)]
    [InlineData(4, 2, 2, 0, 2)]
    [InlineData(2, 1, 2, 1, 2)]
    public void Rounding_up_leaves_out_windows_that_start_in_the_end_padding(int size, int kernel, int stride, int pad, int expected)
    {
        var window = Window.Of(kernel, stride, pad, rank: 1).Resolve([size], ceil: true);
        Assert.Equal(expected, window.Output[0]);
        Assert.Equal(expected, window.Explicit().Resolve([size]).Output[0]);
    }

    [Fact]
    public void Unknown_sizes_flow_through_windows()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 3, Shape.Unknown, 32]);
        var y = b.MaxPool(b.Conv(x, b.Parameter("w", OperatorCases.Float(8, 3, 3, 3)), stride: 2, pad: 1), 2, 2);
        Assert.Equal([Shape.Unknown, 8, Shape.Unknown, 8], y.Shape);
        Assert.Equal([Shape.Unknown, 8, 1, 1], b.GlobalAveragePool(y).Shape);
    }

    [Fact]
    public void A_kernel_larger_than_the_input_is_an_error_that_names_the_node()
    {
        var b = new GraphBuilder("g");
        var e = Assert.Throws<NabiException>(() => b.Conv(b.Input("x", DType.Float32, [1, 1, 2, 2]), b.Constant(OperatorCases.Float(1, 1, 3, 3))));
        Assert.StartsWith("Node 'Conv'", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(int.MaxValue, 1, 0)]
    [InlineData(3, int.MaxValue, int.MaxValue)]
    [InlineData(2, 1, int.MaxValue)]
    public void Absurd_windows_never_overflow(int kernel, int stride, int pad)
    {
        var window = Window.Of(kernel, stride, pad, dilation: int.MaxValue);
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [1, 1, 8, 8]);
        Op[] ops =
        [
            new MaxPool { Window = window }, new AveragePool { Window = window with { AutoPad = AutoPad.SameUpper } },
            new ConvTranspose { Window = window with { KernelShape = [] }, Group = int.MaxValue }, new MaxUnpool { Window = window },
        ];
        foreach (var op in ops)
        {
            var failure = Record.Exception(() => b.Apply(op, x, b.Constant(OperatorCases.Float(1, 2, 3, 3))).Producer!.Cost);
            Assert.True(failure is null or NabiException, failure?.ToString());
        }
    }

    [Fact]
    public void Quantization_rounds_ties_to_even_and_saturates()
    {
        var x = Tensor.Vector(0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 1000f, -1000f, float.NaN);
        var q = Run(new QuantizeLinear(), x, Tensor.Scalar(1f), Tensor.Scalar((sbyte)1))[0];
        Assert.Equal(new sbyte[] { 1, 3, 3, 1, -1, 127, -128, 1 }, q.Span<sbyte>().ToArray());
    }

    [Fact]
    public void Fake_quantization_is_quantization_and_dequantization()
    {
        var (x, scale, zero) = (OperatorCases.Float(6, 50), Tensor.Vector(0.011f, 0.02f, 0.03f, 0.005f, 0.04f, 0.1f), Tensor.Vector<sbyte>(0, 3, -5, 7, 100, -100));
        var q = Run(new QuantizeLinear { Axis = 0 }, x, scale, zero)[0];
        var expected = Run(new DequantizeLinear { Axis = 0 }, q, scale, zero)[0];
        Assert.Equal(expected.ToSingle(), Run(new FakeQuantize { Axis = 0 }, x, scale, zero)[0].ToSingle());
    }

    [Fact]
    public void Fake_quantization_passes_gradients_inside_the_range_and_learns_the_scale()
    {
        // v = x / 0.5 is -9 (below), 0.4, 2.6 and 20 (above) for the range [-8, 7].
        var parts = Run(new FakeQuantizeGradient { QMin = -8, QMax = 7 }, 2, Tensor.Vector(-4.5, 0.2, 1.3, 10.0), Tensor.Vector(1.0, 10.0, 100.0, 1000.0), Tensor.Scalar(0.5));
        Assert.Equal([0, 10, 100, 0], parts[0].Span<double>().ToArray());
        Assert.Equal(-8 - 0.4 * 10 + 0.4 * 100 + 7 * 1000, parts[1].Item(), 9);
    }

    [Fact]
    public void Optimizers_take_the_documented_step()
    {
        var (p, g, rate) = (Tensor.Scalar(1.0), Tensor.Scalar(0.5), Tensor.Scalar(0.1));
        var nesterov = Run(new SgdUpdate { Momentum = 0.5f, Nesterov = true, WeightDecay = 0.25f }, 2, p, g, rate, Tensor.Scalar(2.0));
        Assert.Equal(1.75, nesterov[1].Item(), 12);
        Assert.Equal(1 - 0.1 * (0.75 + 0.5 * 1.75), nesterov[0].Item(), 12);
        var zero = Tensor.Scalar(0.0);
        var adam = Run(new AdamUpdate { Epsilon = 0 }, 3, p, g, rate, Tensor.Scalar(1L), zero, zero);
        Assert.Equal(0.9, adam[0].Item(), 12);
        var decoupled = Run(new AdamUpdate { Epsilon = 0, Decoupled = true, WeightDecay = 0.5f }, 3, p, g, rate, Tensor.Scalar(1L), zero, zero);
        Assert.Equal(1 - 0.1 * 0.5 - 0.1, decoupled[0].Item(), 12);
        var rms = Run(new RmsPropUpdate { Alpha = 0.75f, Epsilon = 0, Momentum = 0.5f }, 3, p, g, rate, zero, Tensor.Scalar(3.0));
        Assert.Equal(0.25 * 0.25, rms[1].Item(), 12);
        Assert.Equal(1 - 0.1 * (1.5 + 2), rms[0].Item(), 12);
    }

    [Fact]
    public void Training_batch_normalization_blends_the_running_statistics()
    {
        var y = Run(new BatchNormalization { TrainingMode = true, Momentum = 0.75f, Epsilon = 0 }, 5, Tensor.Of<double>([2, 1], 1, 5),
            Tensor.Vector(1.0), Tensor.Vector(0.0), Tensor.Vector(7.0), Tensor.Vector(8.0));
        Assert.Equal([-1, 1], y[0].Span<double>().ToArray());
        Assert.Equal([0.75 * 7 + 0.25 * 3, 0.75 * 8 + 0.25 * 4, 3, 0.5], y[1..].Select(t => t.Item()));
    }

    [Fact]
    public void Dropout_without_a_mask_says_what_its_gradient_needs()
    {
        var b = new GraphBuilder("g");
        var x = b.Input("x", DType.Float32, [4]);
        var y = b.Apply(new Dropout(), x, null, b.Constant(Tensor.Scalar(true)));
        var e = Assert.Throws<NabiException>(() => Gradients.Add(b, y, [x]));
        Assert.Contains("second output", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_Hessian_of_a_network_is_the_difference_of_its_gradients()
    {
        var w = OperatorCases.Float(3, 2, 3, 3).Cast(DType.Float64);
        var v = OperatorCases.Positive(3, 2, 3, 3).Cast(DType.Float64);
        const double step = 1e-5;
        var (up, down) = (Slopes(Moved(w, v, step), v).Gradient, Slopes(Moved(w, v, -step), v).Gradient);
        var product = Slopes(w, v).Product;
        for (var i = 0; i < product.Length; i++)
            Assert.Equal((up[i] - down[i]) / (2 * step), product[i], 5);
    }

    // Gradient and Hessian-vector product of the loss of convolution, training batch normalization, both pools and cross entropy.
    private static (double[] Gradient, double[] Product) Slopes(Tensor w, Tensor v)
    {
        var b = new GraphBuilder("g");
        var (weight, direction) = (b.Input("w", DType.Float64, w.Shape), b.Input("v", DType.Float64, v.Shape));
        Value Fixed(Tensor t) => b.Constant(t.Cast(DType.Float64));
        var h = b.Conv(Fixed(OperatorCases.Float(2, 2, 6, 6)), weight, pad: 1);
        h = b.Apply(new BatchNormalization { TrainingMode = true }, h, Fixed(OperatorCases.Float(3)), Fixed(OperatorCases.Float(3)),
            Fixed(OperatorCases.Float(3)), Fixed(OperatorCases.Positive(3)));
        h = b.AveragePool(b.MaxPool(h, 2, 2), 2);
        var loss = b.SoftmaxCrossEntropy(h, b.Constant(Tensor.Of<long>([2, 2, 2], 0, 1, 2, 0, 1, 2, 0, 1)));
        var gradient = Gradients.Add(b, loss, [weight])[0];
        b.Output("gradient", gradient);
        b.Output("product", Gradients.Add(b, gradient, [weight], seed: direction)[0]);
        var results = ReferenceEvaluator.Run(b.Build(), new Dictionary<string, Tensor> { ["w"] = w, ["v"] = v });
        return (results["gradient"].Span<double>().ToArray(), results["product"].Span<double>().ToArray());
    }

    private static Tensor Moved(Tensor w, Tensor v, double step)
    {
        var moved = w.Copy();
        for (var i = 0; i < w.Count; i++) moved.Span<double>()[i] += step * v.Span<double>()[i];
        return moved;
    }

    private static Tensor[] Run(Op op, params Tensor?[] inputs) => Run(op, 1, inputs);

    private static Tensor[] Run(Op op, int outputs, params Tensor?[] inputs) => [.. op.Evaluate(new EvalContext(inputs, outputs, new Rng(0)))];
}
