using Nabi.Ops;
using Nabi.TestSuite;

namespace Nabi.Runtime.Tests.Planning;

/// <summary>The steps attention is made of, where indices and operands are computed rather than constant.</summary>
public class AttentionStepTests
{
    [Theory]
    [InlineData(1, 1, 7, 5, 3)]
    [InlineData(1, 2, 33, 20, 70)]
    [InlineData(2, 9, 6, 16, 40)]
    public void Transposed_sides_of_batched_products_are_read_as_they_are_stored(int threads, int batch, int m, int n, int k)
    {
        var b = new GraphBuilder("g");
        var (x, y, z) = (b.Input("x", DType.Float32, [batch, 2, m, k]), b.Input("y", DType.Float32, [batch, 2, n, k]), b.Input("z", DType.Float32, [2, m, n]));
        var product = b.MatMul(x, b.SwapLast(y));
        b.Output("right", product);
        b.Output("left", b.MatMul(b.SwapLast(x), z));
        b.Output("both", b.MatMul(b.SwapLast(z), b.SwapLast(b.Input("w", DType.Float32, [batch, 2, k, m]))));
        Check(b.Build, threads, "Transpose", 2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    public void However_many_workers_share_batched_products_the_bits_are_the_same(int batch)
    {
        var b = new GraphBuilder("g");
        var (x, y) = (b.Input("x", DType.Float32, [batch, 40, 70]), b.Input("y", DType.Float32, [batch, 50, 70]));
        var weights = b.MatMul(x, b.SwapLast(y));
        b.Output("product", b.MatMul(b.SwapLast(weights), x));
        b.Output("weights", weights);
        var graph = b.Build();
        var feed = RandomFeed.For(graph, new Rng(8));
        byte[][] Bits(int threads)
        {
            using var session = new Session(graph, new SessionOptions { Threads = threads });
            return [.. session.Run(feed).Values.Select(t => t.Bytes.ToArray())];
        }
        Assert.Equal(Bits(1), Bits(2));
        Assert.Equal(Bits(1), Bits(3));
    }

    [Fact]
    public void Rows_chosen_by_computed_indices_are_copied_and_their_gradients_added()
    {
        foreach (var threads in (int[])[1, 2])
        {
            var b = new GraphBuilder("g");
            var (table, x) = (b.Input("table", DType.Float32, [9, 20]), b.Input("x", DType.Float32, [2, 3, 5, 7]));
            var order = b.ApplyAll(new TopK { Largest = false }, 2, b.Input("keys", DType.Float32, [2, 3, 5]), b.Integers(5))[1];
            Value[] chosen =
            [
                b.Gather(table, order),
                b.Gather(b.Transpose(table, 1, 0), order, 1),
                b.Apply(new GatherND { BatchDims = 2 }, x, b.Unsqueeze(order, 3)),
                b.Apply(new GatherElements { Axis = -1 }, b.Reshape(x, [2, 3, 35]), order),
            ];
            for (var i = 0; i < chosen.Length; i++)
            {
                b.Output($"y{i}", chosen[i]);
                b.Output($"gradient{i}", Gradients.Add(b, b.Square(chosen[i]), [i < 2 ? table : x])[0]);
            }
            Check(b.Build, threads, "reference", 0);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Sorting_keeps_equal_elements_in_order_and_takes_NaN_for_the_smallest(bool isLargest)
    {
        var b = new GraphBuilder("g");
        var outputs = b.ApplyAll(new TopK { Largest = isLargest }, 2, b.Input("x", DType.Float32, [1, 9]), b.Integers(9));
        b.Output("values", outputs[0]);
        b.Output("places", outputs[1]);
        var x = Tensor.Of<float>([1, 9], [2, float.NaN, -0f, 0, 2, float.NegativeInfinity, -3, float.PositiveInfinity, 2]);
        using var session = new Session(b.Build(), new SessionOptions { Threads = 1 });
        Assert.Empty(session.Plan!.ReferenceKernels);
        var places = session.Run(new Dictionary<string, Tensor> { ["x"] = x })["places"].ToInt64();
        Assert.Equal(isLargest ? [7, 0, 4, 8, 2, 3, 6, 5, 1] : [1, 5, 6, 2, 3, 0, 4, 8, 7], places);
    }

    private static void Check(Func<Graph> build, int threads, string absent, int atMost)
    {
        var graph = build();
        var feed = RandomFeed.For(graph, new Rng(3));
        using var session = new Session(graph, new SessionOptions { Threads = threads });
        Outcome.AssertSame(ReferenceEvaluator.Run(graph, feed), session.Run(feed), 1e-5);
        Assert.True(session.Plan!.Steps.Count(s => s.Kernel.Contains(absent, StringComparison.Ordinal)) <= atMost, session.Plan.ToString());
    }
}
