using Nabi.Compression.Factorization;
using Nabi.Ops;
using Nabi.Runtime;

namespace Nabi.Compression.Tests.Factorization;

public class FactorizeTests
{
    [Theory]
    [InlineData("svd", "conv", 1e-4)]
    [InlineData("svd", "dense", 1e-4)]
    [InlineData("svd", "matmul", 1e-4)]
    [InlineData("svd", "pointwise", 1e-4)]
    [InlineData("svd", "one-axis", 1e-4)]
    [InlineData("spatial-svd", "conv", 1e-4)]
    [InlineData("spatial-svd", "uneven", 1e-4)]
    [InlineData("tucker2", "conv", 1e-4)]
    [InlineData("tucker2", "uneven", 1e-4)]
    [InlineData("tucker2", "one-axis", 1e-4)]
    [InlineData("cp", "conv", 2e-2)]
    [InlineData("cp", "uneven", 2e-2)]
    public void A_layer_of_low_rank_keeps_its_outputs(string method, string layer, double tolerance)
    {
        var graph = Build(layer);
        var factored = new Factorize { Method = method, Energy = method == "cp" ? 0.99999 : 0.9999999999 }.Apply(graph, TinyNet.Context);
        Assert.True(factored.ParameterCount < graph.ParameterCount / 2, $"{factored.ParameterCount} of {graph.ParameterCount}");
        Assert.True(factored.Nodes.Sum(n => n.Cost.Macs) < graph.Nodes.Sum(n => n.Cost.Macs));
        var feed = new Dictionary<string, Tensor> { ["x"] = Random(graph.Inputs[0].Shape, 3) };
        using Session whole = new(graph), parts = new(factored);
        var (a, b) = (whole.Run(feed)["y"], parts.Run(feed)["y"]);
        Assert.Equal(a.Shape, b.Shape);
        var (expected, actual) = (a.ToSingle(), b.ToSingle());
        var scale = Math.Sqrt(expected.Average(x => (double)x * x));
        for (var i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= 10 * tolerance * scale, $"{i}: {expected[i]} and {actual[i]}");
    }

    [Fact]
    public void The_error_of_a_truncation_is_what_the_singular_values_left_out_say()
    {
        // Eckart and Young 1936; W = U diag(1/2^i) V^T with U and V from rotations of a random matrix.
        const int rows = 24, columns = 40;
        var matrix = new double[rows * columns];
        var rng = new Rng(4);
        for (var i = 0; i < matrix.Length; i++) matrix[i] = rng.NextGaussian();
        var basis = LeftBasis.Of(matrix, rows, default);
        Assert.Equal(matrix.Sum(x => x * x), basis.Squares.Sum(), 9);
        for (var i = 0; i < rows; i++)
            for (var j = 0; j <= i; j++)
                Assert.Equal(i == j ? 1 : 0, Enumerable.Range(0, rows).Sum(k => basis.Vector(i)[k] * basis.Vector(j)[k]), 12);
        foreach (var (given, count) in new[] { (matrix, rows), (Turned(matrix, rows, columns), columns) })
        {
            var svd = new TruncatedSvd(given, count, default);
            foreach (var rank in (int[])[1, 5, 17, rows])
            {
                var (p, q) = svd.Split(rank);
                var (error, width) = (0.0, given.Length / count);
                for (var i = 0; i < count; i++)
                    for (var j = 0; j < width; j++)
                    {
                        var sum = 0.0;
                        for (var r = 0; r < rank; r++) sum += p[(i * rank) + r] * q[(r * width) + j];
                        error += (sum - given[(i * width) + j]) * (sum - given[(i * width) + j]);
                    }
                Assert.Equal(basis.Squares.Skip(rank).Sum(), error, 8);
            }
        }
    }

    [Theory]
    [InlineData("svd")]
    [InlineData("spatial-svd")]
    [InlineData("tucker2")]
    public void The_energy_asked_for_is_kept(string method)
    {
        var b = new GraphBuilder("one");
        b.Output("y", b.Conv(b.Input("x", DType.Float32, [1, 24, 8, 8]), b.Parameter("w", Random([32, 24, 3, 3], 1)), pad: 1));
        var layer = FactorLayer.Of(b.Build().Nodes[0])!;
        var decomposition = Named<LayerFactorization>.Create(method, "factorization").Of(layer, new Rng(1), default)!;
        foreach (var energy in (double[])[0.3, 0.7, 0.95])
        {
            var product = layer.Product(decomposition.Factors(decomposition.RanksFor(energy)));
            var error = product.Zip(layer.Numbers, (x, y) => (x - y) * (x - y)).Sum();
            Assert.InRange(1 - (error / layer.Energy), energy - 1e-9, 1);
        }
    }

    [Theory]
    [InlineData("svd")]
    [InlineData("spatial-svd")]
    [InlineData("tucker2")]
    public void A_budget_is_met_and_said(string method)
    {
        var context = TinyNet.Context with { Notes = new() };
        var factored = new Factorize { Method = method, KeepMacs = 0.8 }.Apply(TinyNet.Trained, context);
        var (before, after) = (TinyNet.Trained.WithBatch(1).Nodes.Sum(n => n.Cost.Macs), factored.WithBatch(1).Nodes.Sum(n => n.Cost.Macs));
        Assert.InRange((double)after / before, 0.3, 0.8);
        Assert.Contains(context.Notes.Lines, l => l.Contains("fewer multiply-accumulates, relative error", StringComparison.Ordinal));
        Assert.True(TinyNet.Accuracy(factored) > 0.3);
    }

    [Fact]
    public void What_would_not_be_smaller_stays()
    {
        var context = TinyNet.Context with { Notes = new() };
        var graph = TinyNet.Trained;
        var same = new Factorize { Method = "tucker2", Energy = 1 }.Apply(graph, context);
        Assert.Equal(graph.ParameterCount, same.ParameterCount);
        Assert.Contains(context.Notes.Lines, l => l.Contains("stay as they are", StringComparison.Ordinal));
    }

    [Fact]
    public void Impossible_settings_are_said_in_a_sentence()
    {
        Assert.Contains("tucker2", new Factorize { Method = "qr" }.Fault, StringComparison.Ordinal);
        Assert.Contains("energy", new Factorize { Energy = 0 }.Fault, StringComparison.Ordinal);
        Assert.Contains("raise keep-macs", Assert.Throws<NabiException>(() => new Factorize { Method = "spatial-svd", KeepMacs = 0.01 }.Apply(TinyNet.Trained, TinyNet.Context)).Message, StringComparison.Ordinal);
    }

    private static double[] Turned(double[] matrix, int rows, int columns)
    {
        var turned = new double[matrix.Length];
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++) turned[(j * rows) + i] = matrix[(i * columns) + j];
        return turned;
    }

    // One layer with a weight that is the sum of two products of vectors.
    private static Graph Build(string layer)
    {
        var b = new GraphBuilder(layer);
        Value y;
        if (layer is "dense" or "matmul")
        {
            var rows = b.Input("x", DType.Float32, [5, 30]);
            y = layer == "dense" ? b.Dense(rows, b.Parameter("w", LowRank([40, 30]))) : b.MatMul(rows, b.Parameter("w", LowRank([30, 40])));
            y = b.Add(y, b.Parameter("b", Random([40], 2)));
        }
        else
        {
            var weight = layer switch { "pointwise" => LowRank([40, 30, 1, 1]), "uneven" => LowRank([20, 16, 3, 5]), "one-axis" => LowRank([20, 16, 5]), _ => LowRank([20, 16, 3, 3]) };
            var x = b.Input("x", DType.Float32, weight.Shape.Rank == 3 ? [2, 16, 20] : [2, weight.Shape[1], 11, 9]);
            var window = layer switch
            {
                "uneven" => new Window { Strides = [2, 1], Pads = [1, 4, 0, 3], Dilations = [1, 2] },
                "one-axis" => new Window { Strides = [2], Pads = [2, 1] },
                "pointwise" => new Window { Strides = [2, 2] },
                _ => new Window { AutoPad = AutoPad.SameUpper, Strides = [2, 2] },
            };
            y = b.Apply(new Conv { Window = window }, x, b.Parameter("w", weight), b.Parameter("b", Random([weight.Shape[0]], 2)));
        }
        b.Output("y", b.Relu(y));
        return b.Build();
    }

    private static Tensor LowRank(Shape shape)
    {
        var tensor = Tensor.Zeros(DType.Float32, shape);
        var numbers = tensor.Span<float>();
        for (ulong part = 0; part < 2; part++)
        {
            float[][] vectors = [.. Enumerable.Range(0, shape.Rank).Select(axis => Random([shape[axis]], 7 + (10 * part) + (ulong)axis).ToSingle())];
            for (var i = 0; i < numbers.Length; i++)
            {
                var (product, left) = (1f, i);
                for (var axis = shape.Rank - 1; axis >= 0; axis--)
                {
                    product *= vectors[axis][left % shape[axis]];
                    left /= shape[axis];
                }
                numbers[i] += product;
            }
        }
        return tensor;
    }

    private static Tensor Random(Shape shape, ulong seed)
    {
        var rng = new Rng(seed);
        var tensor = Tensor.Empty(DType.Float32, shape);
        foreach (ref var e in tensor.Span<float>()) e = (float)rng.NextGaussian();
        return tensor;
    }
}
