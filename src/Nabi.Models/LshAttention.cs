using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// Reformer's attention (Kitaev et al. 2020, section 2): queries are hashed by random rotations (Andoni et al. 2015), sorted by bucket and cut into chunks; each attends to
/// tokens of its bucket in its own chunk and the one before. Keys are the queries at length 1 ("shared QK"), a token attends to itself only where there is nothing else, and
/// several rounds of hashing are combined by their log-sum-exp (appendix A). MACs per head and round: 4 n c d for chunks of c tokens; sorting is O(n log n).
/// Chunk 0 looks back at the last chunk, as the authors' code does. Each layer draws its rotations from the network's seed; no gradient flows through buckets.
/// </summary>
public sealed record LshAttention
{
    // Section 2: 10^5 keeps a token from itself while it has others; the rest it never sees.
    private const double Itself = -1e5, Never = -1e9;

    // Hashes of at most this many values are combined to one bucket, so that hashing costs O(n log n) however many buckets there are.
    private const int LargestFactor = 16;

    /// <summary>The most tokens of a chunk; the sequence is cut into the fewest equal chunks, so its length should have divisors near. At least 1; default 64.</summary>
    public int ChunkLength { get; init; } = 64;

    /// <summary>Buckets of a round: 1 (all tokens) or an even number. Default null: two per chunk, so that a chunk holds about two (section 2).</summary>
    public int? Buckets { get; init; }

    /// <summary>Rounds of hashing. At least 1; default 1.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>Does a token attend to itself and those before it only? Default false.</summary>
    public bool IsCausal { get; init; }

    /// <summary>
    /// Attends; give it to <see cref="Feature.SelfAttention"/>, whose projection of keys is then left out of the network.
    /// </summary>
    /// <param name="queries">[N, heads, T, d].</param>
    /// <param name="keys">Not read: keys are the queries.</param>
    /// <param name="values">[N, heads, T, e].</param>
    /// <returns>[N, heads, T, e].</returns>
    /// <exception cref="NabiException">A number is out of range.</exception>
    public Feature Attend(Feature queries, Feature keys, Feature values)
    {
        if (ChunkLength < 1 || Rounds < 1) throw new NabiException($"LSH attention cannot have chunks of {ChunkLength} tokens and {Rounds} rounds; give at least 1 of each.");
        if (Buckets is < 1 || Buckets is > 1 and var odd && odd % 2 != 0) throw new NabiException($"LSH attention cannot have {Buckets} buckets; give 1 or an even number.");
        var (b, shape) = (queries.Network.Builder, queries.Value.Shape);
        var cut = new Cut(b, shape[1], Rounds, Chunks.CountOf(shape[2], ChunkLength), shape[2]);
        var buckets = HashOf(queries, Buckets ?? 2 * cut.Count);
        var sorted = b.ApplyAll(new TopK { Largest = false }, 2, buckets, b.Integers(cut.Tokens));   // equal buckets stay in the order of the sequence
        var places = b.Cast(sorted[1], DType.Float32);
        var back = b.ApplyAll(new TopK { Largest = false }, 2, places, b.Integers(cut.Tokens))[1];   // the inverse permutation

        var q = cut.Of(Rows(b, queries.Value, sorted[1], 2));
        var k = cut.LookingBack(b.Div(q, b.Sqrt(b.Add(b.ReduceSumSquare(q, [3]), 1e-12))));
        var scores = b.MatMul(b.Mul(q, 1 / Math.Sqrt(shape[3])), b.Transpose(k, 0, 1, 3, 2));
        if (Rounds > 1) scores = b.Sub(scores, b.Log(SetsHolding(b, cut, buckets, b.Cast(back, DType.Float32), sorted[1])));
        scores = Masked(b, cut, scores, b.Unsqueeze(sorted[0], 4), b.Unsqueeze(places, 4));

        var top = b.ReduceMax(scores, [3]);
        var weights = b.Exp(b.Sub(scores, top));
        var sum = b.ReduceSum(weights, [3]);
        var result = Rows(b, cut.Joined(b.Div(b.MatMul(weights, cut.LookingBack(cut.Of(Rows(b, values.Value, sorted[1], 2)))), sum)), back, 3);
        var partition = Rows(b, cut.Joined(b.Add(top, b.Log(sum))), back, 3);
        return values with { Value = Combined(b, result, partition) };
    }

    /// <summary>h(x) = argmax([x R; -x R]) of every token: [N, heads, T, d] to numbers of buckets [N, heads, rounds, T], Float32.</summary>
    /// <param name="x">What is hashed.</param>
    /// <param name="buckets">Buckets of a round: 1 or even.</param>
    internal Value HashOf(Feature x, int buckets)
    {
        var (b, shape) = (x.Network.Builder, x.Value.Shape);
        var factors = Factors(buckets);
        var columns = Math.Max(1, factors.Sum(f => Rounds * f / 2));
        var rotations = x.Network.Drawn("rotations", [shape[3], columns], (rng, tensor) =>
        {
            foreach (ref var r in tensor.Span<float>()) r = (float)rng.NextGaussian();
        });
        var rotated = b.MatMul(x.Value, rotations);
        if (factors.Length == 0) return b.Tile(b.ZerosLike(b.Transpose(rotated, 0, 1, 3, 2)), 1, 1, Rounds, 1);
        Value? bucket = null;
        var at = 0;
        foreach (var factor in factors)
        {
            var part = b.Reshape(b.Slice(rotated, 3, at, at += Rounds * factor / 2), [Shape.Unknown, shape[1], shape[2], Rounds, factor / 2]);
            var hash = b.Cast(b.ArgMax(b.Concat(4, part, b.Neg(part))), DType.Float32);
            bucket = bucket is null ? hash : b.Add(b.Mul(bucket, factor), hash);
        }
        return b.Transpose(bucket!, 0, 1, 3, 2);
    }

    // Even factors of up to 16 while the rest stays even: 256 buckets are 16 times 16.
    private static int[] Factors(int buckets)
    {
        var factors = new List<int>();
        while (buckets > LargestFactor)
        {
            var factor = LargestFactor;
            while (factor > 1 && (buckets % factor != 0 || buckets / factor % 2 != 0)) factor -= 2;
            if (factor < 2) break;
            factors.Add(factor);
            buckets /= factor;
        }
        if (buckets > 1) factors.Add(buckets);
        return [.. factors];
    }

    // Rows of [N, heads, (rounds,) T, w] in the order of [N, heads, rounds, T].
    private static Value Rows(GraphBuilder b, Value x, Value order, int batchAxes) => b.Apply(new GatherND { BatchDims = batchAxes }, x, b.Unsqueeze(order, 4));

    private Value Masked(GraphBuilder b, Cut cut, Value scores, Value buckets, Value places)
    {
        var (ofQueries, ofKeys) = cut.Pair(buckets);
        scores = b.Where(b.Equal(ofQueries, ofKeys), scores, b.Scalar(Never, scores));
        (ofQueries, ofKeys) = cut.Pair(places);
        if (IsCausal) scores = b.Where(b.Less(ofQueries, ofKeys), b.Scalar(Never, scores), scores);
        return b.Where(b.Equal(ofQueries, ofKeys), b.Scalar(Itself, scores), scores);
    }

    // Appendix A: in how many rounds a key is in the query's set, so that the union of the sets counts it once. A key is where its query is, or one chunk before.
    private Value SetsHolding(GraphBuilder b, Cut cut, Value buckets, Value back, Value order)
    {
        var chunk = b.Round(b.Mul(b.Add(back, -0.5 * (cut.Length - 1)), 1.0 / cut.Length));   // of the middle of a chunk, less than half a chunk away
        var next = b.Where(b.Equal(chunk, cut.Count - 1), b.Scalar(0, chunk), b.Add(chunk, 1.0));
        var table = b.Concat(2, b.Add(b.Mul(buckets, cut.Count), chunk), b.Add(b.Mul(buckets, cut.Count), next));
        var ofQueries = cut.Of(Rows(b, b.Transpose(table, 0, 1, 3, 2), order, 2));
        var ofKeys = b.Transpose(cut.LookingBack(ofQueries), 0, 1, 3, 2);
        Value? count = null;
        for (var round = 0; round < Rounds; round++)
        {
            var query = b.Slice(ofQueries, 3, round, round + 1);
            var holds = b.Equal(query, b.Slice(ofKeys, 2, round, round + 1));
            if (cut.Count > 1) holds = b.Or(holds, b.Equal(query, b.Slice(ofKeys, 2, Rounds + round, Rounds + round + 1)));
            var one = b.Cast(holds, DType.Float32);
            count = count is null ? one : b.Add(count, one);
        }
        return b.Max(count!, b.Scalar(1, count!));
    }

    // Appendix A: o = sum over rounds of exp(z_r - z) o_r, with z the logarithm of the sum of exp(z_r).
    private Value Combined(GraphBuilder b, Value results, Value partitions)
    {
        if (Rounds == 1) return b.Squeeze(results, 2);
        var weights = b.Exp(b.Sub(partitions, b.ReduceMax(partitions, [2])));
        return b.Div(b.ReduceSum(b.Mul(results, weights), [2], keepdims: false), b.ReduceSum(weights, [2], keepdims: false));
    }

    /// <summary>Sorted sequences cut into chunks.</summary>
    private sealed record Cut(GraphBuilder B, int Heads, int Rounds, int Count, int Tokens)
    {
        public int Length => Tokens / Count;

        /// <summary>[N, heads, rounds, T, w] to [N * heads * rounds, chunks, length, w].</summary>
        public Value Of(Value x) => B.Reshape(x, [Shape.Unknown, Count, Length, x.Shape[4]]);

        /// <summary>The way back.</summary>
        public Value Joined(Value x) => B.Reshape(x, [Shape.Unknown, Heads, Rounds, Tokens, x.Shape[3]]);

        /// <summary>Every chunk behind the one before it: [..., chunks, length, w] to [..., chunks, 2 length, w]; a single chunk stays.</summary>
        public Value LookingBack(Value x) =>
            Count == 1 ? x : B.Concat(2, B.Concat(1, B.Slice(x, 1, Count - 1), B.Slice(x, 1, 0, Count - 1)), x);

        /// <summary>A number of every token, for queries [..., length, 1] and for keys [..., 1, 2 length].</summary>
        public (Value OfQueries, Value OfKeys) Pair(Value numbers)
        {
            var queries = Of(numbers);
            var keys = LookingBack(queries);
            return (queries, B.Reshape(keys, [Shape.Unknown, Count, 1, keys.Shape[2]]));
        }
    }
}
