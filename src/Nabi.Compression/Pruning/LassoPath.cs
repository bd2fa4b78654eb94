using System.Numerics.Tensors;

namespace Nabi.Compression.Pruning;

/// <summary>
/// LASSO over channels: minimizes beta' Q beta / 2 - q' beta + lambda |beta|_1 by coordinate descent, for rising lambda from the solution
/// before (He, Zhang and Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks", equation 2 and section 3.1).
/// </summary>
internal static class LassoPath
{
    private const double FirstLambda = 1e-5;
    private const double Growth = 1.1;
    private const int MaxSweeps = 200;

    /// <summary>The channels that are left when lambda has grown until at most <paramref name="keep"/> are; those that leave together stay by the size of their part.</summary>
    /// <param name="quadratic">Q, symmetric, one row per channel: products of the channels' parts of the result.</param>
    /// <param name="linear">q: products of the channels' parts with the result.</param>
    /// <param name="keep">Channels to keep, at least 1.</param>
    /// <returns>The channels kept, ascending.</returns>
    public static int[] Choose(double[][] quadratic, double[] linear, int keep)
    {
        var n = linear.Length;
        if (keep >= n) return [.. Enumerable.Range(0, n)];
        var beta = new double[n];
        for (var c = 0; c < n; c++) beta[c] = quadratic[c][c] > 0 ? 1 : 0;
        var before = beta.ToArray();
        var largest = Math.Max(1e-30, linear.Max(Math.Abs));
        for (var lambda = FirstLambda * largest; beta.Count(b => b != 0) > keep && lambda < 2 * largest; lambda *= Growth)
        {
            before = beta.ToArray();
            Descend(quadratic, linear, lambda, beta);
        }
        double Part(int c, double[] from) => Math.Abs(from[c]) * Math.Sqrt(quadratic[c][c]);
        var kept = Enumerable.Range(0, n).OrderByDescending(c => Part(c, beta)).ThenByDescending(c => Part(c, before)).ThenBy(c => c).Take(keep).ToArray();
        Array.Sort(kept);
        return kept;
    }

    /// <summary>The solution for one lambda, from where <paramref name="beta"/> is.</summary>
    internal static void Descend(double[][] quadratic, double[] linear, double lambda, double[] beta)
    {
        for (var sweep = 0; sweep < MaxSweeps; sweep++)
        {
            var moved = 0.0;
            for (var c = 0; c < beta.Length; c++)
            {
                if (quadratic[c][c] <= 0) continue;
                var rest = linear[c] - TensorPrimitives.Dot<double>(quadratic[c], beta) + quadratic[c][c] * beta[c];
                var next = Math.Sign(rest) * Math.Max(0, Math.Abs(rest) - lambda) / quadratic[c][c];
                moved = Math.Max(moved, Math.Abs(next - beta[c]));
                beta[c] = next;
            }
            if (moved < 1e-5) return;
        }
    }
}
