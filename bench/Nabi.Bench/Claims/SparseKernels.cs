namespace Nabi.Bench.Claims;

/// <summary>Layers with zeros against the same layers without, each as the step of a plan.</summary>
internal sealed class SparseKernels : LayerRace
{
    private static readonly (int Size, int Read, int Write)[] Layers = [(28, 256, 256), (14, 256, 256), (14, 512, 512), (28, 64, 256), (56, 64, 64), (7, 960, 160)];

    private static readonly (string Name, Func<int, int, int, Rng, bool> IsZero)[] Patterns =
    [
        ("70 % single", (_, _, _, rng) => rng.NextDouble() < 0.7),
        ("80 % single", (_, _, _, rng) => rng.NextDouble() < 0.8),
        ("90 % single", (_, _, _, rng) => rng.NextDouble() < 0.9),
        ("95 % single", (_, _, _, rng) => rng.NextDouble() < 0.95),
        ("2:4", (_, read, dropped, _) => ((dropped >> (read % 4)) & 1) != 0),
        ("75 % in blocks of 16", (write, read, _, _) => ((write / 16) + (read * 7)) % 4 != 0),
        ("90 % in blocks of 16", (write, read, _, _) => ((write / 16) + (read * 7)) % 10 != 0),
    ];

    // The six ways to drop two of four, as bits.
    private static readonly int[] TwoOfFour = [3, 5, 6, 9, 10, 12];

    public override string Name => "sparse-kernels";

    public override string Paper => "Elsen, Dukhan, Gale and Simonyan 2020, Fast Sparse ConvNets, section 3; Mishra et al. 2021, Accelerating Sparse Deep Neural Networks (2:4)";

    public override string Statement => "Skipping zeros makes 1 x 1 convolutions faster than dense ones: at 90 % single zeros 2.5 times, with 2:4 zeros 1.3 times.";

    public override void Run(ClaimRun run)
    {
        run.Say($"A 1 x 1 convolution with bias and ReLU of one image in single precision, dense and with zeros in turn, each as a step of a plan: the best median of {Rounds} times {Runs} runs.");
        run.Head("layer", "zeros", "kernel", "dense ms", "sparse ms", "ratio");
        foreach (var (size, read, write) in Layers)
        {
            foreach (var (name, isZero) in Patterns)
            {
                var row = $"{size}x{size}x{read} -> {write}";
                Race(run, row, name, zeros => Layer(run, size, read, write, zeros ? isZero : null));
            }
        }
    }

    private static Graph Layer(ClaimRun run, int size, int read, int write, Func<int, int, int, Rng, bool>? isZero)
    {
        var (rng, weights) = (new Rng(run.Seeds[0]), new float[write * read]);
        for (var i = 0; i < weights.Length; i++)
        {
            var four = new Rng((ulong)(i / 4));
            var isDropped = isZero is not null && isZero(i / read, i % read, TwoOfFour[four.Next(TwoOfFour.Length)], rng);
            weights[i] = isDropped ? 0 : (float)rng.NextGaussian();
        }
        var b = new GraphBuilder("layer");
        var y = b.Conv(b.Input("x", DType.Float32, [1, read, size, size]), b.Constant(Tensor.Of([write, read, 1, 1], weights)), b.Constant(Tensor.Full([write], 0.1f)));
        b.Output("y", b.Relu(y));
        return b.Build();
    }
}
