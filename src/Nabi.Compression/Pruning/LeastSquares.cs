using System.Numerics.Tensors;

namespace Nabi.Compression.Pruning;

/// <summary>Least squares from sums of products.</summary>
internal static class LeastSquares
{
    // Of the mean of the diagonal: enough that directions in which there are no data do not decide.
    private const double Ridge = 1e-6;

    /// <summary>
    /// The rows w of W that make |y - W x|^2 smallest: w G = c for each row, by Cholesky's decomposition, with a small ridge that draws towards the
    /// weights there are.
    /// </summary>
    /// <param name="gram">The sum of x x', symmetric, n x n; both triangles are given.</param>
    /// <param name="cross">The sum of y x', one row of n per output.</param>
    /// <param name="start">The weights there are, one row of n per output.</param>
    /// <returns>One row of n per output.</returns>
    public static double[][] Solve(double[][] gram, double[][] cross, double[][] start)
    {
        var (n, lower) = (gram.Length, new double[gram.Length][]);
        var trace = 0.0;
        for (var i = 0; i < n; i++) trace += gram[i][i];
        var ridge = Math.Max(1e-12, Ridge * trace / n);
        for (var i = 0; i < n; i++)
        {
            lower[i] = new double[i + 1];
            for (var j = 0; j <= i; j++)
            {
                var sum = gram[i][j] + (i == j ? ridge : 0) - TensorPrimitives.Dot<double>(lower[i].AsSpan(0, j), lower[j].AsSpan(0, j));
                lower[i][j] = i == j ? Math.Sqrt(Math.Max(sum, ridge)) : sum / lower[j][j];
            }
        }
        return [.. cross.Zip(start, (c, w) => Fit(lower, gram, c, w))];
    }

    // w + d, where d solves d (G + ridge) = c - w G.
    private static double[] Fit(double[][] lower, double[][] gram, double[] c, double[] w)
    {
        var rest = new double[c.Length];
        for (var i = 0; i < rest.Length; i++) rest[i] = c[i] - TensorPrimitives.Dot<double>(gram[i], w);
        var fitted = Substitute(lower, rest);
        TensorPrimitives.Add(fitted, w, fitted);
        return fitted;
    }

    // L L' x = c, forward and back.
    private static double[] Substitute(double[][] lower, double[] c)
    {
        var x = c.ToArray();
        for (var i = 0; i < x.Length; i++) x[i] = (x[i] - TensorPrimitives.Dot<double>(lower[i].AsSpan(0, i), x.AsSpan(0, i))) / lower[i][i];
        for (var i = x.Length - 1; i >= 0; i--)
        {
            x[i] /= lower[i][i];
            for (var j = 0; j < i; j++) x[j] -= lower[i][j] * x[i];
        }
        return x;
    }
}
