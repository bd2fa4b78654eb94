using Nabi.Compression.Distillation;
using Nabi.Compression.Search;
using Nabi.Training.Data;

namespace Nabi.Compression.Tests.Search;

public class InvariancesTests
{
    // Two classes: the bright half is the left one, or the upper one. Upper and lower do not change under a mirror; left and right do.
    private static CompressionContext Halves(bool isLeftOrRight)
    {
        const int Size = 24, Samples = 64;
        var pixels = new byte[Samples * Size * Size];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (sample, row, column) = (i / (Size * Size), i / Size % Size, i % Size);
            var isFirst = (isLeftOrRight ? column : row) < Size / 2;
            pixels[i] = (byte)(isFirst == (sample % 2 == 0) ? 255 : 0);
        }
        var data = DataSet.Of("halves", [1, Size, Size], pixels, [.. Enumerable.Range(0, Samples).Select(s => s % 2)], ["first", "second"]);
        return new CompressionContext { Validation = data, Threads = 1 };
    }

    // Scores: the sum over the first half, and over the second.
    private static Graph Sums(bool isLeftOrRight)
    {
        const int Size = 24;
        var b = new GraphBuilder("sums");
        var x = b.Input("x", DType.Float32, [Shape.Unknown, 1, Size, Size]);
        var weights = Tensor.Zeros(DType.Float32, [2, Size * Size]);
        for (var i = 0; i < Size * Size; i++) weights.Span<float>()[((isLeftOrRight ? i % Size : i / Size) < Size / 2 ? 0 : 1) * Size * Size + i] = 1;
        b.Output("scores", b.Dense(b.Flatten(x), b.Parameter("w", weights), b.Parameter("b", Tensor.Zeros(DType.Float32, [2]))));
        return b.Build();
    }

    [Fact]
    public void A_mirror_is_used_only_where_the_network_does_not_mind_it()
    {
        Assert.True(Invariances.Of(new FineTune(), Sums(false), Halves(false)).Flip);
        Assert.False(Invariances.Of(new FineTune(), Sums(true), Halves(true)).Flip);
    }

    [Fact]
    public void Small_shifts_are_used_where_the_network_does_not_mind_them_and_what_was_asked_for_stays()
    {
        Assert.Equal(4, Invariances.Of(new FineTune(), Sums(false), Halves(false)).Crop);
        Assert.Equal(2, Invariances.Of(new FineTune { Crop = 2, Flip = true }, Sums(true), Halves(true)).Crop);
        Assert.True(Invariances.Of(new FineTune { Flip = true }, Sums(true), Halves(true)).Flip);
    }
}
