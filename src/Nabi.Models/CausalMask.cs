namespace Nabi.Models;

/// <summary>Which tokens may be looked at when only the past may.</summary>
internal static class CausalMask
{
    // Added to a score: exp of it is 0 in single precision, and a row of nothing else would still have a softmax.
    private const float Never = -1e9f;

    /// <summary>1 where column is at most row, else 0: [tokens, tokens].</summary>
    public static Tensor LowerTriangle(int tokens) => Of(tokens, 1, 0);

    /// <summary>0 where column is at most row, else a number that ends every attention: added to scores, [tokens, tokens].</summary>
    public static Tensor Added(int tokens) => Of(tokens, 0, Never);

    private static Tensor Of(int tokens, float past, float future)
    {
        var mask = Tensor.Empty(DType.Float32, [tokens, tokens]);
        var to = mask.Span<float>();
        for (var i = 0; i < to.Length; i++) to[i] = i % tokens <= i / tokens ? past : future;
        return mask;
    }
}
