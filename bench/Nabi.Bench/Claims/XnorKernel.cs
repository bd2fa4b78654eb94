using System.Diagnostics;
using System.Globalization;
using Nabi.Bench.Kernels;
using Nabi.Ops;
using Nabi.Runtime;
using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Claims;

/// <summary>A convolution of signs with weights of +-1 against the same layer in single precision, each as the step of a plan, and against the direct float kernel.</summary>
internal sealed class XnorKernel : Claim
{
    private const int Rounds = 7;
    private const int Runs = 40;

    private static readonly (int Size, int Channels)[] Layers = [(14, 256), (28, 128), (56, 64), (7, 512)];

    public override string Name => "xnor-kernel";

    public override string Paper => "Rastegari et al. 2016, XNOR-Net: ImageNet Classification Using Binary Convolutional Neural Networks, sections 3.2 and 4.1, figure 4";

    public override string Statement => "Convolutions of signs by XNOR and bit counts are up to 58 times faster than in float (the paper computes 62.27 for 256 channels on 14 x 14).";

    public override void Run(ClaimRun run)
    {
        run.Say($"A 3 x 3 convolution of one image, {run.Threads} thread(s). In turn: on bits (signs of float activations are taken in the same step), in float as the planner picks, and in float by "
            + $"the direct kernel: the best median of {Rounds} times {Runs} runs.");
        run.Head("layer", "kernel", "us", "float kernel", "us", "ratio", "direct float us", "ratio");
        foreach (var (size, channels) in Layers) Layer(run, size, channels);
    }

    private static void Layer(ClaimRun run, int size, int channels)
    {
        using var bits = Session(run, size, channels, isBinary: true);
        using var floats = Session(run, size, channels, isBinary: false);
        using var pool = new WorkPool(run.Threads);
        using var direct = new ConvolutionCase(new ConvShape
        {
            Window = new WindowShape
            {
                Batch = 1, Height = size, Width = size, KernelHeight = 3, KernelWidth = 3, PadTop = 1, PadBottom = 1, PadLeft = 1, PadRight = 1,
            },
            InChannels = channels, OutChannels = channels,
        }) { Name = "direct" };
        direct.Prepare(pool);
        var (fast, slow, plain) = (double.MaxValue, double.MaxValue, double.MaxValue);
        for (var round = 0; round < Rounds; round++)
        {
            fast = Math.Min(fast, Time(bits));
            slow = Math.Min(slow, Time(floats));
            plain = Math.Min(plain, Time(direct, pool));
        }
        run.Row($"{size}x{size}x{channels} -> {channels}", KernelOf(bits), Shown(fast), KernelOf(floats), Shown(slow), ClaimRun.Times(slow / fast), Shown(plain), ClaimRun.Times(plain / fast));
    }

    private static string Shown(double number) => number.ToString("F1", CultureInfo.InvariantCulture);

    private static string KernelOf(Session session) => session.Plan!.Steps.Single(s => s.Macs > 0).Kernel;

    // The median of the step that multiplies, in microseconds.
    private static double Time(Session session)
    {
        var input = session.Graph.Inputs[0];
        var values = Tensor.Empty(DType.Float32, input.Shape);
        var rng = new Rng(3);
        foreach (ref var e in values.Span<float>()) e = (float)rng.NextGaussian();
        var profile = session.Profile(new Dictionary<string, Tensor> { [input.Name] = values }, Runs, TimeProvider.System);
        return profile.Steps.Single(s => s.Step.Macs > 0).Median.TotalMicroseconds;
    }

    private static Session Session(ClaimRun run, int size, int channels, bool isBinary)
    {
        var (rng, signs, weights) = (new Rng(run.Seeds[0]), Tensor.Empty(DType.Int8, [channels, channels, 3, 3]), Tensor.Empty(DType.Float32, [channels, channels, 3, 3]));
        foreach (ref var e in signs.Span<sbyte>()) e = (sbyte)((2 * rng.Next(2)) - 1);
        foreach (ref var e in weights.Span<float>()) e = (float)rng.NextGaussian();
        var b = new GraphBuilder("layer");
        var x = b.Input("x", DType.Float32, [1, channels, size, size]);
        var filters = isBinary ? b.Apply(new DequantizeLinear { Axis = 0 }, b.Constant(signs), b.Constant(Tensor.Full([channels], 0.02f))) : b.Constant(weights);
        b.Output("y", b.Conv(isBinary ? b.Apply(new Binarize(), x) : x, filters, pad: 1));
        return new Session(b.Build(), new SessionOptions { Threads = run.Threads });
    }

    private static double Time(ConvolutionCase direct, WorkPool pool)
    {
        var times = new double[Runs];
        for (var i = 0; i < Runs; i++)
        {
            var start = Stopwatch.GetTimestamp();
            direct.Run(pool);
            times[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        Array.Sort(times);
        return times[Runs / 2];
    }
}
