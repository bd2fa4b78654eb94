using Nabi.Ops;

namespace Nabi.Models;

/// <summary>
/// FAVOR+ (Choromanski et al. 2021, section 2): attention with the softmax kernel exp(q k) estimated by phi(q) phi(k), where phi(x) = exp(w x - |x|^2 / 2) / sqrt(m) for
/// m random directions w (Lemma 1, eqs. 5 to 7). As phi(Q) (phi(K)^T V) it costs O(n m d), and no n x n matrix exists. Each layer draws its directions from the network's seed;
/// they are not trained.
/// </summary>
public sealed record FavorAttention
{
    /// <summary>m: random features of each head. At least 1; default 256.</summary>
    public int Features { get; init; } = 256;

    /// <summary>Are the directions orthogonal in blocks of d (section 2.4), which lowers the variance, rather than independent? Default true.</summary>
    public bool IsOrthogonal { get; init; } = true;

    /// <summary>Does a token attend to itself and those before it only? Default false.</summary>
    public bool IsCausal { get; init; }

    /// <summary>The most tokens of the parts in which causal attention goes through the sequence; within a part it is quadratic. Default 64.</summary>
    public int ChunkLength { get; init; } = 64;

    /// <summary>Added to every feature, which is at most 1 after the largest was divided out, so that nothing is divided by 0. Default 1e-6.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>Attends; give it to <see cref="Feature.SelfAttention"/>.</summary>
    /// <param name="queries">[N, heads, T, d].</param>
    /// <param name="keys">[N, heads, S, d]; S = T when causal.</param>
    /// <param name="values">[N, heads, S, e].</param>
    /// <returns>[N, heads, T, e].</returns>
    /// <exception cref="NabiException">A number is out of range.</exception>
    public Feature Attend(Feature queries, Feature keys, Feature values)
    {
        if (Features < 1 || ChunkLength < 1) throw new NabiException($"FAVOR+ cannot have {Features} features and chunks of {ChunkLength} tokens; give at least 1 of each.");
        var (b, directions) = (queries.Network.Builder, Directions(queries));
        // What is divided out of a query's features, or out of all keys', cancels between numerator and denominator: nothing overflows.
        var scale = Math.Pow(queries.Width, -0.25);
        var ofQueries = Exponents(b, b.Mul(queries.Value, scale), directions);
        var ofKeys = Exponents(b, b.Mul(keys.Value, scale), directions);
        var q = b.Add(b.Exp(b.Sub(ofQueries, b.ReduceMax(ofQueries, [3]))), Epsilon);
        var k = b.Add(b.Exp(b.Sub(ofKeys, b.ReduceMax(ofKeys, [2, 3]))), Epsilon);
        return values with { Value = IsCausal ? OverPrefixes(b, q, k, values.Value) : OverAll(b, q, k, values.Value) };
    }

    /// <summary>phi(x) = exp(w x - |x|^2 / 2) / sqrt(m): phi(x) phi(y) is an unbiased estimate of exp(x y) (Lemma 1, eq. 5).</summary>
    /// <param name="x">[N, heads, T, d].</param>
    /// <param name="directions">[d, m].</param>
    internal static Feature PositiveFeatures(Feature x, Value directions)
    {
        var b = x.Network.Builder;
        return x with { Value = b.Mul(b.Exp(Exponents(b, x.Value, directions)), 1 / Math.Sqrt(directions.Shape[1])) };
    }

    /// <summary>The random directions w of a head as columns, [d, m].</summary>
    internal Value Directions(Feature x) => x.Network.Drawn("features", [x.Width, Features], (rng, tensor) => Draw(rng, tensor, IsOrthogonal));

    private static Value Exponents(GraphBuilder b, Value x, Value directions) =>
        b.Sub(b.MatMul(x, directions), b.Mul(b.ReduceSumSquare(x, [3]), 0.5));

    private static Value OverAll(GraphBuilder b, Value q, Value k, Value values)
    {
        var weighted = b.MatMul(q, b.MatMul(b.Transpose(k, 0, 1, 3, 2), values));
        return b.Div(weighted, b.ReduceSum(b.Mul(q, b.ReduceSum(k, [2])), [3]));
    }

    // Section 2.3.1 and appendix B.1, prefix sums: of whole chunks by a running sum, within a chunk by a masked product.
    private Value OverPrefixes(GraphBuilder b, Value q, Value k, Value values)
    {
        var (heads, tokens, width) = (values.Shape[1], values.Shape[2], values.Shape[3]);
        var chunks = Chunks.CountOf(tokens, ChunkLength);
        Value Cut(Value x) => b.Reshape(x, [Shape.Unknown, chunks, tokens / chunks, x.Shape[3]]);
        Value Before(Value x) => b.Apply(new CumSum { Exclusive = true }, x, b.Constant(Tensor.Scalar(1L), "axis"));
        (q, k, values) = (Cut(q), Cut(k), Cut(values));
        var transposed = b.Transpose(k, 0, 1, 3, 2);
        var within = b.Mul(b.MatMul(q, transposed), b.Constant(CausalMask.LowerTriangle(tokens / chunks), "past"));
        var weighted = b.Add(b.MatMul(within, values), b.MatMul(q, Before(b.MatMul(transposed, values))));
        var weights = b.Add(b.ReduceSum(within, [3]), b.ReduceSum(b.Mul(q, Before(b.ReduceSum(k, [2]))), [3]));
        return b.Reshape(b.Div(weighted, weights), [Shape.Unknown, heads, tokens, width]);
    }

    // Blocks of up to d directions made orthogonal by Gram and Schmidt, each with the length of an independent normal vector: every single one is then normal.
    internal static void Draw(Rng rng, Tensor tensor, bool isOrthogonal)
    {
        var (d, m) = (tensor.Shape[0], tensor.Shape[1]);
        var to = tensor.Span<float>();
        var block = new double[d][];
        for (var feature = 0; feature < m; feature++)
        {
            var w = block[feature % d] = Normal(rng, d);
            if (isOrthogonal)
            {
                for (var pass = 0; pass < 2; pass++)   // the second pass removes the rounding of the first
                    for (var i = 0; i < feature % d; i++) RemovePart(w, block[i]);
                Scale(w, 1 / Length(w));
            }
            var length = isOrthogonal ? Length(Normal(rng, d)) : 1;
            for (var i = 0; i < d; i++) to[i * m + feature] = (float)(w[i] * length);
        }
    }

    private static double[] Normal(Rng rng, int d)
    {
        var w = new double[d];
        foreach (ref var e in w.AsSpan()) e = rng.NextGaussian();
        return w;
    }

    private static double Length(double[] w)
    {
        var sum = 0.0;
        foreach (var e in w) sum += e * e;
        return Math.Sqrt(sum);
    }

    private static void Scale(double[] w, double factor)
    {
        foreach (ref var e in w.AsSpan()) e *= factor;
    }

    private static void RemovePart(double[] w, double[] unit)
    {
        var part = 0.0;
        for (var i = 0; i < w.Length; i++) part += w[i] * unit[i];
        for (var i = 0; i < w.Length; i++) w[i] -= part * unit[i];
    }
}
