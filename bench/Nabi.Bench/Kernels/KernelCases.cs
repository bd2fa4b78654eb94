using Nabi.Runtime.Emit;
using Nabi.Runtime.Kernels;

namespace Nabi.Bench.Kernels;

/// <summary>The kernels that are measured: one place to add a size.</summary>
internal static class KernelCases
{
    public static IEnumerable<KernelCase> All() => [.. Products(), .. Recurrences(), .. Convolutions(), .. Winograd(), .. Training(), .. Bytes(), .. Nibbles(), .. Bits(), .. Sparse()];

    private static IEnumerable<KernelCase> Products()
    {
        foreach (var (m, n, k) in ((int, int, int)[])[(64, 64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (1, 1000, 1280), (49, 960, 160), (3136, 24, 96)])
            yield return new ProductCase(m, n, k) { Name = $"gemm {m} x {n} x {k}" };
    }

    private static IEnumerable<KernelCase> Recurrences()
    {
        foreach (var hidden in (int[])[128, 512])
        {
            yield return new RecurrentCase(RecurrentCellKind.LongShortTerm, hidden) { Name = $"lstm {hidden} x 50" };
            yield return new RecurrentCase(RecurrentCellKind.GatedResetAfter, hidden) { Name = $"gru {hidden} x 50" };
        }
    }

    private static IEnumerable<KernelCase> Convolutions() => Shapes().Select(s => new ConvolutionCase(s.Shape) { Name = s.Name });

    // Beside the direct convolution, whose operations count: more than the peak is possible.
    private static IEnumerable<KernelCase> Winograd()
    {
        foreach (var (size, read, write) in ((int, int, int)[])
            [(56, 64, 64), (28, 128, 128), (14, 256, 256), (7, 512, 512), (55, 16, 64), (27, 32, 128), (13, 48, 192), (13, 64, 256), (32, 16, 16), (16, 32, 32), (8, 64, 64)])
        {
            var (shape, name) = (Of(size, read, write, 3, 1, 1), $"{size}x{size}x{read} -> {write}");
            yield return new ConvolutionCase(shape) { Name = $"winograd none {name}" };
            yield return new WinogradCase(shape, 2) { Name = $"winograd 2x2 {name}" };
            yield return new WinogradCase(shape, 4) { Name = $"winograd 4x4 {name}" };
        }
    }

    // Beside the dense product, whose operations count: more than the peak is possible.
    private static IEnumerable<KernelCase> Sparse()
    {
        foreach (var (rows, depth, columns) in ((int, int, int)[])[(196, 256, 256), (784, 256, 256), (196, 512, 512), (784, 64, 256), (3136, 64, 64), (49, 960, 160), (1, 1024, 1024)])
        {
            var name = $"{rows} x {columns} x {depth}";
            yield return new ProductCase(rows, columns, depth) { Name = $"sparse none {name}" };
            foreach (var share in (double[])[0.5, 0.7, 0.8, 0.9, 0.95])
            {
                yield return new SparseCase(rows, depth, columns, Zeros.Single, share) { Name = $"sparse {share:P0} {name}" };
                yield return new SparseCase(rows, depth, columns, Zeros.Blocks, share) { Name = $"sparse blocks {share:P0} {name}" };
            }
            yield return new SparseCase(rows, depth, columns, Zeros.OfFour, 0.5) { Name = $"sparse 2:4 {name}" };
        }
        foreach (var (size, read, write, kernel, stride) in ((int, int, int, int, int)[])
            [(28, 64, 64, 3, 1), (14, 256, 256, 3, 1), (56, 64, 64, 3, 1), (28, 128, 128, 3, 1), (7, 512, 512, 3, 1), (32, 16, 16, 3, 1), (28, 64, 128, 3, 2), (14, 64, 64, 5, 1)])
        {
            var (shape, name) = (Of(size, read, write, kernel, stride, kernel / 2), $"{kernel}x{kernel}{(stride == 1 ? "" : $"/{stride}")} {size}x{size}x{read} -> {write}");
            yield return new ConvolutionCase(shape) { Name = $"sparse none {name}" };
            if (WinogradConvolution.Takes(shape))
            {
                yield return new WinogradCase(shape, 2) { Name = $"sparse winograd2 {name}" };
                yield return new WinogradCase(shape, 4) { Name = $"sparse winograd4 {name}" };
            }
            foreach (var share in (double[])[0.5, 0.7, 0.8, 0.9, 0.95])
                yield return new SparseWindowCase(shape, share) { Name = $"sparse {share:P0} {name}" };
        }
    }

    private static IEnumerable<KernelCase> Training()
    {
        foreach (var (size, channels, kernel, groups) in ((int, int, int, int)[])[(32, 16, 3, 1), (16, 32, 3, 1), (8, 64, 3, 1), (16, 96, 1, 1), (16, 96, 3, 96)])
        {
            var shape = Of(size, channels, channels, kernel, 1, kernel / 2, groups, batch: 32);
            var of = $"{kernel}x{kernel} 32x{size}x{size}x{channels}{(groups > 1 ? " depthwise" : "")}";
            yield return new TrainingCase(shape, TrainingPass.Forward) { Name = $"train forward {of}" };
            yield return new TrainingCase(shape, TrainingPass.InputGradient) { Name = $"train dX {of}" };
            yield return new TrainingCase(shape, TrainingPass.WeightGradient) { Name = $"train dW {of}" };
        }
    }

    private static IEnumerable<KernelCase> Bytes()
    {
        var tiles = ByteTiles.Current is { } current ? new ByteTiles(current.Registers) : null;   // those without requantization
        if (tiles is not null)
        {
            foreach (var depth in (int[])[16, 64, 128, 256])
                yield return new ByteTileCase(tiles, depth) { Name = $"int8 tile {tiles.Forms[0].Rows} x {2 * Simd.Lanes} x {4 * depth}" };
        }
        var products = new[] { 64, 128, 256, 512, 1024 }.Select(n => (Name: $"product {n} x {n} x {n}", Shape: Product(n, n, n))).Append(("product 1 x 1000 x 1280", Product(1, 1000, 1280)));
        foreach (var (name, shape) in products.Concat(Shapes()))
        {
            yield return new ByteConvolutionCase(shape, emitted: false) { Name = $"int8 managed {name}" };
            if (tiles is not null) yield return new ByteConvolutionCase(shape, emitted: true) { Name = $"int8 emitted {name}" };
        }
    }

    // Every size also in floats, to compare.
    private static IEnumerable<KernelCase> Nibbles()
    {
        foreach (var (m, n, k) in ((int, int, int)[])[(1, 4096, 4096), (1, 1000, 1280), (4, 1000, 1280), (8, 1000, 1280), (16, 1000, 1280), (64, 4096, 4096)])
        {
            yield return new ProductCase(m, n, k) { Name = $"float for int4 {m} x {n} x {k}" };
            foreach (var block in (int[])[k, 32])
                yield return new Int4ProductCase(m, n, k, block) { Name = $"int4 {m} x {n} x {k} block {block}" };
        }
        foreach (var (m, n, k) in ((int, int, int)[])[(1, 128, 128), (1, 256, 256), (1, 300, 784), (1, 512, 512), (1, 1000, 1280), (2, 1000, 1280), (4, 1000, 1280), (1, 4096, 4096), (2, 4096, 4096), (4, 4096, 4096)])
        {
            yield return new ProductCase(m, n, k) { Name = $"codebook none {m} x {n} x {k}" };
            yield return new Int4ProductCase(m, n, k, k, shared: true) { Name = $"codebook of 16 {m} x {n} x {k}" };
        }
    }

    // The same shapes in floats are 'conv ...', 'winograd ...' and 'gemm ...'; the shares of the float peak are far above 1.
    private static IEnumerable<KernelCase> Bits()
    {
        var shapes = new[] { (56, 64, 64), (28, 128, 128), (14, 256, 256), (7, 512, 512), (32, 32, 32), (16, 16, 16) }
            .Select(s => (Name: $"conv 3x3 {s.Item1}x{s.Item1}x{s.Item2} -> {s.Item3}", Shape: Of(s.Item1, s.Item2, s.Item3, 3, 1, 1)))
            .Concat(new[] { (1, 4096, 4096), (1, 512, 512), (64, 1024, 1024) }.Select(s => (Name: $"product {s.Item1} x {s.Item2} x {s.Item3}", Shape: Product(s.Item1, s.Item2, s.Item3))));
        foreach (var (name, shape) in shapes)
        {
            if (BitTiles.Current is not null)
            {
                yield return new BitConvolutionCase(shape, isTernary: false, emitted: true) { Name = $"bits emitted {name}" };
                yield return new BitConvolutionCase(shape, isTernary: true, emitted: true) { Name = $"bits ternary {name}" };
            }
            yield return new BitConvolutionCase(shape, isTernary: false, emitted: false) { Name = $"bits managed {name}" };
        }
    }

    private static IEnumerable<(string Name, ConvShape Shape)> Shapes()
    {
        yield return ("conv 3x3/2 224x224x3 -> 32", Of(224, 3, 32, 3, 2, 1));
        yield return ("conv 7x7/2 224x224x3 -> 64", Of(224, 3, 64, 7, 2, 3));
        yield return ("conv 3x3 28x28x1 -> 16", Of(28, 1, 16, 3, 1, 1));
        yield return ("conv 3x3 32x32x3 -> 16", Of(32, 3, 16, 3, 1, 1));
        yield return ("conv 3x3 32x32x16 -> 16", Of(32, 16, 16, 3, 1, 1));
        yield return ("conv 3x3 56x56x64 -> 64", Of(56, 64, 64, 3, 1, 1));
        yield return ("conv 3x3 14x14x256 -> 256", Of(14, 256, 256, 3, 1, 1));
        yield return ("conv 3x3 7x7x512 -> 512", Of(7, 512, 512, 3, 1, 1));
        yield return ("conv 1x1 56x56x64 -> 256", Of(56, 64, 256, 1, 1, 0));
        yield return ("conv 1x1 112x112x16 -> 96", Of(112, 16, 96, 1, 1, 0));
        foreach (var (kernel, stride, size, channels) in ((int, int, int, int)[])
            [(3, 1, 112, 32), (3, 1, 112, 16), (3, 2, 112, 96), (3, 2, 56, 64), (3, 1, 56, 144), (3, 2, 56, 144), (5, 1, 28, 120), (3, 1, 14, 512), (3, 1, 14, 384), (5, 1, 14, 240), (3, 1, 7, 960), (5, 1, 7, 1152)])
            yield return ($"depthwise {kernel}x{kernel}{(stride == 1 ? "" : $"/{stride}")} {size}x{size}x{channels}", Of(size, channels, channels, kernel, stride, kernel / 2, channels));
    }

    private static ConvShape Of(int size, int inChannels, int outChannels, int kernel, int stride, int pad, int groups = 1, int batch = 1) => new()
    {
        Window = new()
        {
            Batch = batch, Height = size, Width = size, KernelHeight = kernel, KernelWidth = kernel, StrideHeight = stride, StrideWidth = stride,
            PadTop = pad, PadLeft = pad, PadBottom = pad, PadRight = pad,
        },
        InChannels = inChannels,
        OutChannels = outChannels,
        Groups = groups,
    };

    private static ConvShape Product(int m, int n, int k) => new()
    {
        Window = new() { Height = 1, Width = m, KernelHeight = 1, KernelWidth = 1 }, InChannels = k, OutChannels = n,
    };
}
