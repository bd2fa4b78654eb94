namespace Nabi.Ops;

/// <summary>
/// ONNX <c>SpaceToDepth</c>: [N, C, H, W] to [N, C B^2, H / B, W / B]: blocks of B x B pixels become channels, numbered (block row, block
/// column, input channel).
/// </summary>
public sealed record SpaceToDepth : MovingOp
{
    /// <summary>Side of a block.</summary>
    public int Blocksize { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x) => x.Input(0) with { Shape = Gathered(x.RequireRank(0, 4, 4)) };

    /// <inheritdoc/>
    internal override Movement Moves(Shape data, EvalContext x)
    {
        var shape = Gathered(data);
        var (channels, height, width) = (shape[1], shape[2], shape[3]);
        var sources = new int[shape.Count];
        for (var i = 0; i < sources.Length; i++)
        {
            var (column, row, channel, image) = (i % width, i / width % height, i / (width * height) % channels, i / (width * height * channels));
            var block = channel / data[1];
            sources[i] = ((image * data[1] + channel % data[1]) * data[2] + row * Blocksize + block / Blocksize) * data[3] + column * Blocksize + block % Blocksize;
        }
        return new Movement(shape, sources);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [g.Builder.Apply(new DepthToSpace { Blocksize = Blocksize }, g.Grad)];

    private Shape Gathered(Shape shape)
    {
        if (Blocksize < 1 || (shape[2] != Shape.Unknown && shape[2] % Blocksize != 0) || (shape[3] != Shape.Unknown && shape[3] % Blocksize != 0))
            throw new NabiException($"shape {shape} does not divide into blocks of side {Blocksize}");
        return [shape[0], shape[1] == Shape.Unknown ? Shape.Unknown : Shape.Dimension((long)shape[1] * Shape.Dimension((long)Blocksize * Blocksize)), Part(shape[2]), Part(shape[3])];
    }

    private int Part(int dim) => dim == Shape.Unknown ? dim : dim / Blocksize;
}
