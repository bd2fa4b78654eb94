using Nabi.Ops;

namespace Nabi.Training.Tests;

/// <summary>Networks that train in a moment, with seeded weights.</summary>
internal static class SmallModels
{
    /// <summary>Convolution, batch normalization, relu, dense: for one-channel images.</summary>
    public static Graph Cnn(int size = 28, int channels = 6, int classes = 10, ulong seed = 1, int stride = 3)
    {
        var rng = new Rng(seed);
        var b = new GraphBuilder("small");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 1, size, size]);
        var conv = b.Apply(new Conv { Window = Window.Of(5, stride) }, x, b.Parameter("conv.weight", Random(rng, 0.3, channels, 1, 5, 5)));
        var norm = b.Apply(new BatchNormalization(), conv, b.Parameter("norm.scale", Tensor.Full([channels], 1f)), b.Parameter("norm.bias", Tensor.Full([channels], 0f)),
            b.Parameter("norm.mean", Tensor.Full([channels], 0f), trainable: false), b.Parameter("norm.variance", Tensor.Full([channels], 1f), trainable: false));
        var flat = b.Apply(new Flatten(), b.Relu(norm));
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
