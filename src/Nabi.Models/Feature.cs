using Nabi.Ops;

namespace Nabi.Models;

/// <summary>A value of a network under construction, with the layers that can follow it. Images are [N, C, H, W], tokens [N, T, D].</summary>
/// <param name="Network">The network it belongs to.</param>
/// <param name="Value">The value.</param>
public readonly partial record struct Feature(Network Network, Value Value)
{
    /// <summary>Channels: dimension 1.</summary>
    public int Channels => Value.Shape[1];

    private GraphBuilder Builder => Network.Builder;

    /// <summary>2-D convolution, weights [channels, Channels / groups, kernel, kernel], He-initialised by fan-out.</summary>
    /// <param name="channels">Output channels.</param>
    /// <param name="kernel">Height and width of the kernel.</param>
    /// <param name="stride">Stride in both directions.</param>
    /// <param name="pad">Zeros on every side; the default keeps the size at stride 1.</param>
    /// <param name="groups">Groups; <see cref="Channels"/> for a depthwise convolution.</param>
    /// <param name="bias">Add a bias? Not before a batch normalization.</param>
    /// <param name="name">The layer's name.</param>
    public Feature Conv(int channels, int kernel, int stride = 1, int? pad = null, int groups = 1, bool bias = false, string name = "conv") =>
        Conv(channels, kernel, kernel, stride, pad ?? kernel / 2, pad ?? kernel / 2, groups, bias, name);

    /// <summary>2-D convolution with a rectangular kernel.</summary>
    public Feature Conv(int channels, int kernelHeight, int kernelWidth, int stride, int padHeight, int padWidth, int groups = 1, bool bias = false, string name = "conv")
    {
        var layer = Network.Named(name);
        var fanOut = kernelHeight * kernelWidth * channels / groups;
        var weight = Builder.Parameter($"{layer}.weight", Network.HeNormal([channels, Channels / groups, kernelHeight, kernelWidth], fanOut));
        var offset = bias ? Builder.Parameter($"{layer}.bias", Tensor.Zeros(DType.Float32, [channels])) : null;
        var op = new Conv
        {
            Window = new Window
            {
                KernelShape = [kernelHeight, kernelWidth],
                Strides = [stride, stride],
                Pads = [padHeight, padWidth, padHeight, padWidth],
            },
            Group = groups,
        };
        return With(Builder.ApplyNamed(op, layer, 1, [Value, weight, offset])[0]);
    }

    /// <summary>Depthwise convolution: every channel by itself.</summary>
    public Feature Depthwise(int kernel, int stride = 1, string name = "depthwise") => Conv(Channels, kernel, stride, groups: Channels, name: name);

    /// <summary>Batch normalization over channels, scale 1 and bias 0 at the start.</summary>
    /// <param name="name">The layer's name.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="momentum">How much of the running statistics stays at each training step.</param>
    /// <param name="scale">The initial scale.</param>
    public Feature BatchNorm(string name = "bn", float epsilon = 1e-5f, float momentum = 0.9f, float scale = 1)
    {
        var layer = Network.Named(name);
        Shape shape = [Channels];
        var inputs = new Value?[]
        {
            Value,
            Builder.Parameter($"{layer}.weight", Tensor.Full(shape, scale)),
            Builder.Parameter($"{layer}.bias", Tensor.Zeros(DType.Float32, shape)),
            Builder.Parameter($"{layer}.running_mean", Tensor.Zeros(DType.Float32, shape), trainable: false),
            Builder.Parameter($"{layer}.running_var", Tensor.Full(shape, 1f), trainable: false),
        };
        return With(Builder.ApplyNamed(new BatchNormalization { Epsilon = epsilon, Momentum = momentum }, layer, 1, inputs)[0]);
    }

    /// <summary>Convolution, batch normalization, ReLU: the brick of most families.</summary>
    public Feature ConvBnRelu(int channels, int kernel, int stride = 1, int groups = 1, string name = "") =>
        Conv(channels, kernel, stride, groups: groups, name: Join(name, "conv")).BatchNorm(Join(name, "bn")).Relu();

    /// <summary>Dense layer: weights [units, features] as in ONNX <c>Gemm</c> with transB, uniform in +-1/sqrt(features) as PyTorch's Linear.</summary>
    public Feature Dense(int units, string name = "fc", bool bias = true)
    {
        var layer = Network.Named(name);
        var features = Value.Shape[1];
        var limit = 1 / Math.Sqrt(features);
        var weight = Builder.Parameter($"{layer}.weight", Network.Uniform([units, features], limit));
        var offset = bias ? Builder.Parameter($"{layer}.bias", Network.Uniform([units], limit)) : null;
        return With(Builder.ApplyNamed(new Gemm { TransB = true }, layer, 1, [Value, weight, offset])[0]);
    }

    /// <summary>max(x, 0).</summary>
    public Feature Relu() => Apply(new Relu());

    /// <summary>min(max(x, 0), 6).</summary>
    public Feature Relu6() =>
        With(Builder.Apply(new Clip(), Value, Builder.Constant(Tensor.Scalar(0f), "zero"), Builder.Constant(Tensor.Scalar(6f), "six")));

    /// <summary>x * min(max(x + 3, 0), 6) / 6: Howard et al. 2019, eq. 1 of section 5.2.</summary>
    public Feature HardSwish() => Apply(new HardSwish());

    /// <summary>x * sigmoid(x).</summary>
    public Feature Silu() => Mul(Apply(new Sigmoid()));

    /// <summary>The product with another value that broadcasts.</summary>
    public Feature Mul(Feature other) => With(Builder.Mul(Value, other.Value));

    /// <summary>Joined with other values along the channels.</summary>
    public Feature Concat(params ReadOnlySpan<Feature> others)
    {
        var values = new Value[others.Length + 1];
        values[0] = Value;
        for (var i = 0; i < others.Length; i++) values[i + 1] = others[i].Value;
        return With(Builder.Concat(1, values));
    }

    /// <summary>Channels <paramref name="from"/> to <paramref name="to"/> (exclusive).</summary>
    public Feature Slice(int from, int to) => With(Builder.Slice(Value, 1, from, to));

    /// <summary>
    /// Channel shuffle (Zhang et al. 2018, ShuffleNet, section 3.1): channels seen as [groups, Channels / groups], transposed.
    /// </summary>
    public Feature ChannelShuffle(int groups)
    {
        var shape = Value.Shape;
        var split = Builder.Reshape(Value, [Shape.Unknown, groups, shape[1] / groups, shape[2], shape[3]]);
        return With(Builder.Reshape(Builder.Transpose(split, 0, 2, 1, 3, 4), [Shape.Unknown, shape[1], shape[2], shape[3]]));
    }

    /// <summary>
    /// Squeeze and excitation (Hu et al. 2018, section 3): the mean of every channel through two 1x1 convolutions gives a factor per channel.
    /// </summary>
    /// <param name="squeezed">Channels between the two convolutions.</param>
    /// <param name="inner">The activation between them.</param>
    /// <param name="gate">The activation of the factor.</param>
    public Feature SqueezeExcite(int squeezed, Func<Feature, Feature> inner, Op gate) =>
        Mul(inner(GlobalAveragePool().Conv(squeezed, 1, bias: true, name: "se.reduce")).Conv(Channels, 1, bias: true, name: "se.expand").Apply(gate));

    /// <summary>The sum with another value of the same shape.</summary>
    public Feature Add(Feature other) => With(Builder.Add(Value, other.Value));

    /// <summary>Max pooling.</summary>
    public Feature MaxPool(int kernel, int stride, int pad = 0, bool ceil = false) => Apply(new MaxPool
    {
        Window = Window.Of(kernel, stride, pad),
        CeilMode = ceil,
    });

    /// <summary>Average pooling.</summary>
    public Feature AveragePool(int kernel, int stride, int pad = 0) => Apply(new AveragePool { Window = Window.Of(kernel, stride, pad) });

    /// <summary>The mean of every channel: [N, C, 1, 1].</summary>
    public Feature GlobalAveragePool() => Apply(new GlobalAveragePool());

    /// <summary>[N, C, H, W] to [N, C*H*W].</summary>
    public Feature Flatten() => Apply(new Flatten());

    /// <summary>Sets a share of the elements to zero in training, nothing in inference.</summary>
    public Feature Dropout(float ratio) => With(Builder.Apply(new Dropout(), Value, Builder.Constant(Tensor.Scalar(ratio), "ratio")));

    /// <summary>Applies any operator with one input and one output.</summary>
    public Feature Apply(Op op) => With(Builder.ApplyNamed(op, Network.Named(op.Name.ToLowerInvariant()), 1, [Value])[0]);

    private static string Join(string name, string part) => name.Length == 0 ? part : $"{name}.{part}";

    private Feature With(Value value) => this with { Value = value };
}
