namespace Nabi.Ops;

/// <summary>
/// Every channel of an image moved by an offset of its own (Wu et al. 2018, "Shift: A Zero FLOP, Zero Parameter Alternative to Spatial
/// Convolutions", equation 3): y[n, c, i, j] = x[n, c, i + <see cref="Vertical"/>[c], j + <see cref="Horizontal"/>[c]], and 0 where that lies outside.
/// Input and output [N, C, H, W] of any type. No arithmetic; the gradient is the opposite shift. In standard ONNX a depthwise convolution whose
/// kernels hold a single 1.
/// </summary>
public sealed record Shift : MovingOp
{
    // Offsets beyond any image: more is taken for a damaged file.
    private const int Furthest = 1 << 20;

    /// <summary>Per channel, how many rows further down an element is read.</summary>
    public ValueArray<int> Vertical { get; init; } = [];

    /// <summary>Per channel, how many columns further right an element is read.</summary>
    public ValueArray<int> Horizontal { get; init; } = [];

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <summary>
    /// The offsets of a square kernel, as section 3.1 of the paper assigns them: the channels are divided evenly among the kernel's positions in
    /// row-major order, and those left over stay where they are.
    /// </summary>
    /// <param name="channels">Channels.</param>
    /// <param name="kernel">Height and width of the kernel: odd.</param>
    public static Shift OfKernel(int channels, int kernel)
    {
        var (vertical, horizontal) = (new int[channels], new int[channels]);
        var each = channels / (kernel * kernel);
        for (var c = 0; c < each * kernel * kernel; c++)
            (vertical[c], horizontal[c]) = (c / each / kernel - kernel / 2, c / each % kernel - kernel / 2);
        return new Shift { Vertical = vertical, Horizontal = horizontal };
    }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var shape = x.RequireRank(0, 4, 4);
        if (Vertical.Count != Horizontal.Count) throw x.Fail($"it has {Vertical.Count} vertical and {Horizontal.Count} horizontal offsets, which must be as many");
        if (Reach(Vertical) > Furthest || Reach(Horizontal) > Furthest) throw x.Fail($"an offset is beyond {Furthest}");
        return shape[1] == Shape.Unknown || shape[1] == Vertical.Count ? x.Input(0) : throw x.Fail($"it has {Vertical.Count} offsets for an input of {shape[1]} channels");
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var (channels, height, width) = (data[1], data[2], data[3]);
        var sources = new int[data.Count];
        for (var at = 0; at < sources.Length; at++)
        {
            var (plane, channel) = (at / (height * width), at / (height * width) % channels);
            var (row, column) = (at / width % height + (long)Vertical[channel], at % width + (long)Horizontal[channel]);
            sources[at] = row < 0 || row >= height || column < 0 || column >= width ? -1 : (plane * height + (int)row) * width + (int)column;
        }
        return new Movement(data, sources);
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        c.Tie(c.Input(0), 0, c.Output(), 0);
        c.Tie(c.Input(0), 1, c.Output(), 1);
    }

    /// <inheritdoc/>
    public override Op Narrow(NarrowContext n) => n.Kept(n.Node.Inputs[0]!, 1) is { } kept
        ? this with { Vertical = Array.ConvertAll(kept, c => Vertical[c]), Horizontal = Array.ConvertAll(kept, c => Horizontal[c]) }
        : this;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Apply(Opposite(), g.Grad)];

    /// <inheritdoc/>
    public override IReadOnlyList<Value>? AsStandard(Node node, Rewriter r)
    {
        var (up, left) = (Reach(Vertical), Reach(Horizontal));
        var (height, width) = (2 * up + 1, 2 * left + 1);
        if (!node.Output.DType.IsFloat() || (long)height * width * Vertical.Count > 1 << 24) return null;
        var kernels = Tensor.Zeros(DType.Float32, [Vertical.Count, 1, height, width]);
        for (var c = 0; c < Vertical.Count; c++) kernels.Span<float>()[(c * height + Vertical[c] + up) * width + Horizontal[c] + left] = 1;
        var window = new Window { KernelShape = [height, width], Pads = [up, left, up, left] };
        return r.Builder.ApplyNamed(new Conv { Window = window, Group = Vertical.Count }, node.Name, 1,
            [r[node.Inputs[0]!], r.Builder.Constant(kernels.Cast(node.Output.DType), $"{node.Name}.kernels")], [node.Output.Name]);
    }

    private Shift Opposite() => new() { Vertical = Array.ConvertAll(Vertical.ToArray(), d => -d), Horizontal = Array.ConvertAll(Horizontal.ToArray(), d => -d) };

    private static int Reach(ValueArray<int> offsets)
    {
        var reach = 0;
        foreach (var offset in offsets.Span) reach = Math.Max(reach, Math.Max(offset, -Math.Max(offset, -int.MaxValue)));
        return reach;
    }
}
