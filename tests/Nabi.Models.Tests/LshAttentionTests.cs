namespace Nabi.Models.Tests;

public class LshAttentionTests
{
    [Fact]
    public void Equal_vectors_fall_into_equal_buckets_and_near_ones_oftener_than_far_ones()
    {
        const int rounds = 400;
        var rng = new Rng(4);
        double[] angles = [0, 0.2, 0.6, 1.2, Math.PI];
        // The first token is a unit vector, the others are turned away from it.
        var first = Unit(rng, 16);
        var side = Unit(rng, 16);
        var along = first.Zip(side, (a, b) => a * b).Sum();
        side = [.. side.Zip(first, (s, f) => s - along * f)];
        var length = Math.Sqrt(side.Sum(e => e * e));
        var tokens = angles.SelectMany(angle => first.Zip(side, (f, s) => (float)(Math.Cos(angle) * f + Math.Sin(angle) * s / length)));
        var x = Tensor.Of<float>([1, 1, angles.Length + 1, 16], [.. first.Select(f => (float)f), .. tokens]);

        var buckets = Buckets(new LshAttention { Rounds = rounds }, x, 8);
        var collisions = angles.Select((_, i) => Enumerable.Range(0, rounds).Count(r => buckets[r * 6] == buckets[r * 6 + i + 1]) / (double)rounds).ToArray();
        Assert.All(buckets, b => Assert.InRange(b, 0, 7));
        Assert.Equal(1, collisions[0]);
        Assert.Equal(0, collisions[^1]);
        for (var i = 1; i < angles.Length; i++) Assert.True(collisions[i] < collisions[i - 1] - 0.1, string.Join(' ', collisions));
    }

    [Fact]
    public void Many_buckets_are_hashes_combined()
    {
        var buckets = Buckets(new LshAttention { Rounds = 2 }, Attending.Normal(3, 1, 500, 16), 64);
        Assert.All(buckets, b => Assert.InRange(b, 0, 63));
        Assert.InRange(buckets.Distinct().Count(), 50, 64);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void One_bucket_and_one_chunk_are_full_attention_with_shared_queries_and_keys(bool isCausal)
    {
        var (q, v) = (Attending.Normal(1, 2, 10, 4), Attending.Normal(2, 2, 10, 4));
        var attention = new LshAttention { ChunkLength = 10, Buckets = 1, IsCausal = isCausal };
        var expected = Over((_, i, j) => !isCausal || j <= i, q, v);
        Assert.Equal(0, Attending.RelativeError(expected, Attending.Run(attention.Attend, q, q, v)), 1e-5);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void A_token_attends_to_the_union_over_rounds_of_its_bucket_in_its_chunk_and_the_one_before(int rounds, bool isCausal)
    {
        const int tokens = 24, chunk = 4, chunks = tokens / chunk;
        var (q, v) = (Attending.Normal(1, 2, tokens, 4), Attending.Normal(2, 2, tokens, 4));
        var attention = new LshAttention { ChunkLength = chunk, Buckets = 4, Rounds = rounds, IsCausal = isCausal };
        var buckets = Buckets(attention, q, 4);
        bool Holds(int head, int round, int i, int j)
        {
            var line = buckets.AsSpan((head * rounds + round) * tokens, tokens).ToArray();
            var order = Enumerable.Range(0, tokens).OrderBy(t => line[t]).ToList();
            var (ci, cj) = (order.IndexOf(i) / chunk, order.IndexOf(j) / chunk);
            return line[i] == line[j] && (cj == ci || cj == (ci + chunks - 1) % chunks);
        }
        var expected = Over((head, i, j) => (!isCausal || j <= i) && Enumerable.Range(0, rounds).Any(r => Holds(head, r, i, j)), q, v);
        Assert.Equal(0, Attending.RelativeError(expected, Attending.Run(attention.Attend, q, q, v)), 1e-5);
    }

    [Fact]
    public void More_rounds_come_nearer_to_full_attention()
    {
        var (q, v) = (Attending.Normal(1, 1, 64, 8, 3), Attending.Normal(2, 1, 64, 8));
        var expected = Over((_, _, _) => true, q, v);
        double Error(int rounds) => Enumerable.Range(0, 3).Average(seed =>
            Attending.RelativeError(expected, Attending.Run(new LshAttention { ChunkLength = 16, Rounds = rounds }.Attend, q, q, v, (ulong)seed)));
        var (one, four, sixteen) = (Error(1), Error(4), Error(16));
        Assert.True(one > 1.3 * four && four > 1.3 * sixteen, $"{one}, {four}, {sixteen}");
    }

    [Fact]
    public void Impossible_numbers_are_refused()
    {
        var q = Attending.Normal(1, 1, 8, 4);
        Assert.Throws<NabiException>(() => Attending.Run(new LshAttention { Buckets = 3 }.Attend, q, q, q));
        Assert.Throws<NabiException>(() => Attending.Run(new LshAttention { Rounds = 0 }.Attend, q, q, q));
    }

    // Softmax over the keys a query may see, in plain loops: keys are the queries at length 1, itself only if there is nothing else.
    private static float[] Over(Func<int, int, int, bool> sees, Tensor q, Tensor v)
    {
        var (heads, tokens, d) = (q.Shape[1], q.Shape[2], q.Shape[3]);
        var result = new float[q.Count];
        for (var row = 0; row < heads * tokens; row++)
        {
            var (head, i) = Math.DivRem(row, tokens);
            var query = q.ToSingle().AsSpan(row * d, d).ToArray();
            var weights = new double[tokens];
            for (var j = 0; j < tokens; j++)
            {
                var key = q.ToSingle().AsSpan((head * tokens + j) * d, d).ToArray();
                var score = query.Zip(key, (a, b) => (double)a * b).Sum() / Math.Sqrt(key.Sum(e => (double)e * e)) / Math.Sqrt(d);
                weights[j] = i != j && sees(head, i, j) ? Math.Exp(score) : 0;
            }
            if (weights.Sum() == 0) weights[i] = 1;
            for (var j = 0; j < tokens; j++)
                for (var e = 0; e < d; e++) result[row * d + e] += (float)(weights[j] / weights.Sum() * v.ToSingle()[(head * tokens + j) * d + e]);
        }
        return result;
    }

    private static float[] Buckets(LshAttention attention, Tensor x, int buckets) =>
        Attending.Run((q, _, _) => q with { Value = attention.HashOf(q, buckets) }, x, x, x);

    private static double[] Unit(Rng rng, int d)
    {
        double[] x = [.. Enumerable.Range(0, d).Select(_ => rng.NextGaussian())];
        var length = Math.Sqrt(x.Sum(e => e * e));
        return [.. x.Select(e => e / length)];
    }
}
