using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Kernels;

/// <summary>What the zeros of a sparse matrix look like.</summary>
internal enum Zeros
{
    /// <summary>Single weights anywhere.</summary>
    Single,

    /// <summary>So many of every four neighbours along the input channels.</summary>
    OfFour,

    /// <summary>Sixteen output channels of one input channel together.</summary>
    Blocks,
}

/// <summary>A matrix with zeros, from a fixed sequence.</summary>
internal static unsafe class SparseWeights
{
    /// <summary>Puts zeros into [columns, depth], a row to a column.</summary>
    public static void Prune(float* weights, int columns, int depth, Zeros zeros, double share)
    {
        var random = new Rng(7);
        if (zeros == Zeros.Single)
        {
            for (long i = 0; i < (long)columns * depth; i++)
                if (random.NextDouble() < share) weights[i] = 0;
        }
        else if (zeros == Zeros.OfFour)
        {
            var drop = (int)Math.Round(4 * share);
            for (long i = 0; i < (long)columns * depth; i += 4)
            {
                for (var left = drop; left > 0;)
                {
                    var at = i + random.Next(4);
                    if (weights[at] == 0) continue;
                    (weights[at], left) = (0, left - 1);
                }
            }
        }
        else
        {
            for (var row = 0; row < depth; row++)
                for (var block = 0; block < columns; block += 16)
                    if (random.NextDouble() < share)
                        for (var column = block; column < Math.Min(columns, block + 16); column++) weights[((long)column * depth) + row] = 0;
        }
    }
}

/// <summary>A 1 x 1 convolution with bias and ReLU by weights with zeros.</summary>
internal sealed unsafe class SparseCase(int rows, int depth, int columns, Zeros zeros, double share) : KernelCase
{
    private SparseProduct? _product;
    private BlockProduct? _blocks;
    private float* _x, _y, _packed, _bias, _scratch;

    public override double Operations => 2.0 * rows * depth * columns;

    internal override void Prepare(WorkPool pool)
    {
        _x = Allocate((long)rows * depth);
        _y = Allocate((long)rows * columns);
        _bias = Allocate(columns);
        var weights = Allocate((long)columns * depth);
        for (var i = 0; i < columns * depth; i++) if (weights[i] == 0) weights[i] = 1e-3f;
        SparseWeights.Prune(weights, columns, depth, zeros, share);
        var pattern = SparsePattern.Of(new ReadOnlySpan<float>(weights, columns * depth), columns, depth, depth, 1);
        if (zeros == Zeros.Blocks)
        {
            _blocks = new BlockProduct(pattern);
            _packed = Allocate(_blocks.PackedSize);
            _blocks.Pack(weights, depth, 1, _packed);
            return;
        }
        _product = new SparseProduct(pattern);
        _packed = Allocate(_product.PackedSize);
        _scratch = Allocate(_product.ScratchSize(pool.Workers));
        _product.Pack(weights, depth, 1, _packed);
    }

    internal override void Run(WorkPool pool)
    {
        var epilogue = new Epilogue { Bias = _bias, Activation = Unary.Relu };
        _product?.Run(pool, rows, _x, depth, _packed, _y, columns, epilogue, _scratch);
        _blocks?.Run(pool, rows, _x, depth, _packed, _y, columns, epilogue);
    }
}

/// <summary>A convolution with bias and ReLU by filters with zeros.</summary>
internal sealed unsafe class SparseWindowCase(ConvShape shape, double share) : KernelCase
{
    private SparseConvolution _convolution = null!;
    private float* _x, _y, _packed, _bias, _scratch;

    public override double Operations => 2.0 * shape.MultiplyAdds;

    internal override void Prepare(WorkPool pool)
    {
        var w = shape.Window;
        _x = Allocate((long)w.Batch * w.Height * w.Width * shape.InChannels);
        _y = Allocate((long)w.Batch * w.OutHeight * w.OutWidth * shape.OutChannels);
        _bias = Allocate(shape.OutChannels);
        var weights = Allocate(shape.WeightSize);
        var depth = (int)shape.WeightSize / shape.OutChannels;
        for (var i = 0; i < shape.WeightSize; i++) if (weights[i] == 0) weights[i] = 1e-3f;
        SparseWeights.Prune(weights, shape.OutChannels, depth, Zeros.Single, share);
        _convolution = new SparseConvolution(shape, SparsePattern.Of(new ReadOnlySpan<float>(weights, (int)shape.WeightSize), shape.OutChannels, depth, depth, 1));
        _packed = Allocate(_convolution.PackedSize);
        _scratch = Allocate(_convolution.ScratchSize(pool.Workers));
        _convolution.Pack(weights, _packed);
    }

    internal override void Run(WorkPool pool) =>
        _convolution.Run(pool, _x, shape.InChannels, _packed, _y, shape.OutChannels, new Epilogue { Bias = _bias, Activation = Unary.Relu }, _scratch);
}
