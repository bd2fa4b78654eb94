using Nabi.Ops;

namespace Nabi;

/// <summary>Short names for the operators that networks are made of.</summary>
public sealed partial class GraphBuilder
{
    /// <summary>Convolution of [N, C, spatial] with a weight [M, C/group, kernel] and an optional bias [M]; equal numbers on every spatial axis.</summary>
    public Value Conv(Value x, Value weight, Value? bias = null, int stride = 1, int pad = 0, int dilation = 1, int group = 1)
    {
        var rank = weight.Shape.Rank - 2;
        var window = Window.Of(1, stride, pad, dilation, rank) with { KernelShape = weight.Shape.Dims[2..].ToArray() };
        return Apply(new Conv { Window = window, Group = group }, x, weight, bias);
    }

    /// <summary>x W^T + b, the dense layer: x [N, K], weight [M, K], optional bias [M].</summary>
    public Value Dense(Value x, Value weight, Value? bias = null) => Apply(new Gemm { TransB = true }, x, weight, bias);

    /// <summary>The largest element of every window of [N, C, spatial]; equal numbers on every spatial axis.</summary>
    public Value MaxPool(Value x, int kernel, int stride = 1, int pad = 0, bool ceil = false) =>
        Apply(new MaxPool { Window = Window.Of(kernel, stride, pad, rank: x.Shape.Rank - 2), CeilMode = ceil }, x);

    /// <summary>The mean of every window of [N, C, spatial]; equal numbers on every spatial axis.</summary>
    public Value AveragePool(Value x, int kernel, int stride = 1, int pad = 0, bool ceil = false, bool countPad = false) =>
        Apply(new AveragePool { Window = Window.Of(kernel, stride, pad, rank: x.Shape.Rank - 2), CeilMode = ceil, CountIncludePad = countPad }, x);

    /// <summary>The mean of each channel: [N, C, spatial] to [N, C, 1, ...].</summary>
    public Value GlobalAveragePool(Value x) => Apply(new GlobalAveragePool(), x);

    /// <summary>Batch normalization with running statistics.</summary>
    public Value BatchNorm(Value x, Value scale, Value bias, Value mean, Value variance, float epsilon = 1e-5f) =>
        Apply(new BatchNormalization { Epsilon = epsilon }, x, scale, bias, mean, variance);

    /// <summary>The mean cross entropy of softmax(scores) [N, C, ...] against labels [N, ...].</summary>
    public Value SoftmaxCrossEntropy(Value scores, Value labels) => Apply(new SoftmaxCrossEntropyLoss(), scores, labels);

    /// <summary>Quantizes and dequantizes; see <see cref="Ops.FakeQuantize"/>.</summary>
    public Value FakeQuantize(Value x, Value scale, Value? zeroPoint = null, int axis = 1, int qMin = -128, int qMax = 127) =>
        Apply(new FakeQuantize { Axis = axis, QMin = qMin, QMax = qMax }, x, scale, zeroPoint);

    /// <summary>A scalar as it is, a vector shaped so that it lies along an axis of <paramref name="like"/>.</summary>
    internal Value AlongAxis(Value numbers, Value like, int axis)
    {
        if (numbers.Shape.Rank != 1 || numbers.Shape[0] == 1) return numbers;
        var dims = new int[like.Shape.Rank - like.Shape.Axis(axis)];
        Array.Fill(dims, 1);
        dims[0] = numbers.Shape[0];
        return Reshape(numbers, Shape.Create(dims));
    }

    /// <summary>The sum of [N, C, ...] over everything but the channels: [C].</summary>
    internal Value SumToChannels(Value x)
    {
        var axes = new int[x.Shape.Rank - 1];
        for (var i = 1; i < axes.Length; i++) axes[i] = i + 1;
        return ReduceSum(x, axes, keepdims: false);
    }

    /// <summary>One number per channel [C], shaped so that it broadcasts against [N, C, ...] of the rank of <paramref name="like"/>.</summary>
    internal Value PerChannel(Value channels, Value like)
    {
        var dims = new int[like.Shape.Rank - 1];
        Array.Fill(dims, 1);
        dims[0] = channels.Shape[0];
        return Reshape(channels, Shape.Create(dims));
    }

    /// <summary>Another value with the same elements.</summary>
    internal Value Alias(Value x) => Apply(new Reshape(), x, Integers(new long[x.Shape.Rank]));
}
