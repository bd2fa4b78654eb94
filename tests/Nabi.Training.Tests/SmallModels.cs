using Nabi.Ops;

namespace Nabi.Training.Tests;

/// <summary>Networks that train in a moment, with seeded weights.</summary>
internal static class SmallModels
{
    /// <summary>Convolution, batch normalization, relu (so often as there are layers, each with twice the channels), dense: for one-channel images.</summary>
    public static Graph Cnn(int size = 28, int channels = 6, int classes = 10, ulong seed = 1, int stride = 3, int layers = 1)
    {
        var rng = new Rng(seed);
        var b = new GraphBuilder("small");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 1, size, size]);
        for (var layer = 0; layer < layers; layer++, channels *= 2)
        {
            var (kernel, prefix) = (layer == 0 ? 5 : 3, layer == 0 ? "" : $"{layer}.");
            var weight = Random(rng, 1.5 / Math.Sqrt(kernel * kernel * x.Shape[1]), channels, x.Shape[1], kernel, kernel);
            var conv = b.Apply(new Conv { Window = Window.Of(kernel, stride) }, x, b.Parameter($"{prefix}conv.weight", weight));
            x = b.Relu(b.Apply(new BatchNormalization(), conv,
                b.Parameter($"{prefix}norm.scale", Tensor.Full([channels], 1f)), b.Parameter($"{prefix}norm.bias", Tensor.Full([channels], 0f)),
                b.Parameter($"{prefix}norm.mean", Tensor.Full([channels], 0f), trainable: false), b.Parameter($"{prefix}norm.variance", Tensor.Full([channels], 1f), trainable: false)));
        }
        var flat = b.Apply(new Flatten(), x);
        b.Output("y", b.Apply(new Gemm { TransB = true }, flat, b.Parameter("dense.weight", Random(rng, 0.05, classes, flat.Shape[1])), b.Parameter("dense.bias", Tensor.Full([classes], 0f))));
        return b.Build();
    }

    /// <summary>One dense layer: for rows of a table.</summary>
    public static Graph Linear(int features, int classes, ulong seed = 1)
    {
        var rng = new Rng(seed);
        var b = new GraphBuilder("linear");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, features]);
        b.Output("y", b.Apply(new Gemm(), x, b.Parameter("weight", Random(rng, 0.1, features, classes)), b.Parameter("bias", Tensor.Full([classes], 0f))));
        return b.Build();
    }

    private static Tensor Random(Rng rng, double deviation, params int[] dims)
    {
        var tensor = Tensor.Empty(DType.Float32, Shape.Create(dims));
        foreach (ref var x in tensor.Span<float>()) x = (float)(deviation * rng.NextGaussian());
        return tensor;
    }
}
