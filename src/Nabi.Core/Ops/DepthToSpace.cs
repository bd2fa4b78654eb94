namespace Nabi.Ops;

/// <summary>
/// ONNX <c>DepthToSpace</c>: [N, C, H, W] to [N, C / B^2, H B, W B]: channels become blocks of B x B pixels. Mode <c>CRD</c> is the
/// sub-pixel convolution of super-resolution networks.
/// </summary>
public sealed record DepthToSpace : MovingOp
{
    /// <summary>Side of a block.</summary>
    public int Blocksize { get; init; } = 1;

    /// <summary>
    /// How the channel number is read: <c>DCR</c> (block row, block column, output channel) or <c>CRD</c> (output channel, block row,
    /// block column). Default <c>DCR</c>.
    /// </summary>
    public string Mode { get; init; } = "DCR";

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var shape = x.RequireRank(0, 4, 4);
        if (Mode is not ("DCR" or "CRD")) throw x.Fail($"mode '{Mode}' is not one of DCR, CRD");
        return x.Input(0) with { Shape = Spread(shape) };
    }

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var shape = Spread(data);
        var (channels, height, width) = (shape[1], shape[2], shape[3]);
        var sources = new int[shape.Count];
        for (var i = 0; i < sources.Length; i++)
        {
            var (column, row, channel, image) = (i % width, i / width % height, i / (width * height) % channels, i / (width * height * channels));
            var block = row % Blocksize * Blocksize + column % Blocksize;
            var from = Mode == "DCR" ? block * channels + channel : channel * Blocksize * Blocksize + block;
            sources[i] = ((image * data[1] + from) * data[2] + row / Blocksize) * data[3] + column / Blocksize;
        }
        return new Movement(shape, sources);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
        Mode == "DCR" ? [g.Builder.Apply(new SpaceToDepth { Blocksize = Blocksize }, g.Grad)] : base.Gradient(g);

    private Shape Spread(Shape shape)
    {
        if (Blocksize < 1 || (shape[1] != Shape.Unknown && shape[1] % ((long)Blocksize * Blocksize) != 0))
            throw new NabiException($"the {shape[1]} channels of shape {shape} do not divide into blocks of side {Blocksize}");
        return [shape[0], shape[1] == Shape.Unknown ? Shape.Unknown : (int)(shape[1] / ((long)Blocksize * Blocksize)), Times(shape[2]), Times(shape[3])];
    }

    private int Times(int dim) => dim == Shape.Unknown ? dim : Shape.Dimension((long)dim * Blocksize);
}
