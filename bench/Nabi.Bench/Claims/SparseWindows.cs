using Nabi.Ops;

namespace Nabi.Bench.Claims;

/// <summary>Convolutions of windows larger than a pixel with zeros, and layers whose weights share a few values of which most are zero, against the dense steps that plans take.</summary>
internal sealed class SparseWindows : LayerRace
{
    private const int Shared = 31;

    private static readonly (int Size, int Read, int Write, int Kernel, int Stride)[] Layers =
        [(28, 64, 64, 3, 1), (14, 256, 256, 3, 1), (28, 128, 128, 3, 1), (7, 512, 512, 3, 1), (28, 64, 128, 3, 2), (14, 64, 64, 5, 1)];

    private static readonly (int Size, int Read, int Write, int Kernel)[] SharedLayers = [(14, 256, 256, 1), (28, 64, 64, 3), (14, 256, 256, 3)];

    public override string Name => "sparse-windows";

    public override string Paper => "Elsen, Dukhan, Gale and Simonyan 2020, Fast Sparse ConvNets, section 3 (1 x 1 only); Han, Mao and Dally 2016, Deep Compression, section 3";

    public override string Statement => "Skipping zeros makes 3 x 3 convolutions faster than Winograd's algorithm from 90 % zeros on, also where the weights share a few values.";

    public override void Run(ClaimRun run)
    {
        run.Say($"A convolution with bias and ReLU of one image in single precision, padded to keep its size, dense and with single zeros in turn, each as the step that a plan takes: the best median of {Rounds} times {Runs} runs. \"Shared\": the weights are indices of {Shared} values and zero.");
        run.Head("layer", "zeros", "kernel", "dense ms", "sparse ms", "ratio");
        foreach (var (size, read, write, kernel, stride) in Layers)
            foreach (var share in (double[])[0.7, 0.8, 0.9, 0.95])
                Race(run, NameOf(size, read, write, kernel, stride), $"{share:P0}", zeros => Layer(run, size, read, write, kernel, stride, zeros ? share : 0, isShared: false));
        foreach (var (size, read, write, kernel) in SharedLayers)
            Race(run, NameOf(size, read, write, kernel, 1), "92 %, shared", zeros => Layer(run, size, read, write, kernel, 1, zeros ? 0.92 : 0, isShared: true));
    }

    private static string NameOf(int size, int read, int write, int kernel, int stride) => $"{kernel}x{kernel}{(stride == 1 ? "" : $"/{stride}")} {size}x{size}x{read} -> {write}";

    private static Graph Layer(ClaimRun run, int size, int read, int write, int kernel, int stride, double zeros, bool isShared)
    {
        var (rng, b) = (new Rng(run.Seeds[0]), new GraphBuilder("layer"));
        Shape shape = [write, read, kernel, kernel];
        var (indices, centroids) = (new byte[shape.Count], new float[Shared]);
        for (var i = 0; i < indices.Length; i++) indices[i] = rng.NextDouble() < zeros ? (byte)0 : (byte)(1 + rng.Next(Shared));
        for (var i = 0; i < Shared; i++) centroids[i] = (float)rng.NextGaussian();
        var weight = isShared
            ? b.Apply(new Codebook { HasZero = true }, b.Constant(Tensor.Of(shape, indices)), b.Constant(Tensor.Vector<float>(centroids)))
            : b.Constant(Tensor.Of(shape, Array.ConvertAll(indices, i => i == 0 ? 0 : centroids[i - 1])));
        var y = b.Conv(b.Input("x", DType.Float32, [1, read, size, size]), weight, b.Constant(Tensor.Full([write], 0.1f)), stride, kernel / 2);
        b.Output("y", b.Relu(y));
        return b.Build();
    }
}
