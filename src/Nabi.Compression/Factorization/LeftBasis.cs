using System.Numerics;

namespace Nabi.Compression.Factorization;

/// <summary>The left singular vectors of a matrix A and its squared singular values, largest first, as eigenvectors and eigenvalues of A A^T.</summary>
/// <remarks>
/// Rows of A A^T are rotated in pairs until they are orthogonal (one-sided Jacobi; Hestenes 1958): vectors are orthogonal to rounding, and of squared singular
/// values about 14 digits relative to the largest are right, more than single precision weights have. Takes about 30 n^3 operations for n rows.
/// </remarks>
internal sealed class LeftBasis
{
    private const int MostSweeps = 30;
    private const double Orthogonal = 1e-12;
    private const double Negligible = 1e-14;

    private readonly double[] _vectors;

    private LeftBasis(int rows, double[] squares, double[] vectors) => (Rows, Squares, _vectors) = (rows, squares, vectors);

    /// <summary>Rows of the matrix: components of each vector.</summary>
    public int Rows { get; }

    /// <summary>Squared singular values, descending.</summary>
    public IReadOnlyList<double> Squares { get; }

    /// <summary>A left singular vector.</summary>
    public ReadOnlySpan<double> Vector(int index) => _vectors.AsSpan(index * Rows, Rows);

    /// <summary>The smallest number of vectors that keep a part of the energy, the sum of the squares; at least 1.</summary>
    public int RankFor(double energy)
    {
        var (needed, sum) = (energy * Squares.Sum(), 0.0);
        for (var rank = 1; rank < Rows; rank++)
            if ((sum += Squares[rank - 1]) >= needed) return rank;
        return Rows;
    }

    /// <summary>The basis of a row-major matrix.</summary>
    public static LeftBasis Of(ReadOnlySpan<double> matrix, int rows, CancellationToken cancellation)
    {
        var columns = matrix.Length / rows;
        var (gram, vectors) = (new double[rows * rows], new double[rows * rows]);
        for (var i = 0; i < rows; i++)
        {
            vectors[(i * rows) + i] = 1;
            for (var j = 0; j <= i; j++)
                gram[(i * rows) + j] = gram[(j * rows) + i] = Dot(matrix.Slice(i * columns, columns), matrix.Slice(j * columns, columns));
        }
        for (var sweep = 0; sweep < MostSweeps; sweep++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!Sweep(gram, vectors, rows)) break;
        }
        var norms = new double[rows];
        for (var i = 0; i < rows; i++) norms[i] = Math.Sqrt(Dot(gram.AsSpan(i * rows, rows), gram.AsSpan(i * rows, rows)));
        int[] order = [.. Enumerable.Range(0, rows).OrderByDescending(i => norms[i])];
        var sorted = new double[rows * rows];
        for (var i = 0; i < rows; i++) vectors.AsSpan(order[i] * rows, rows).CopyTo(sorted.AsSpan(i * rows));
        return new LeftBasis(rows, Array.ConvertAll(order, i => norms[i]), sorted);
    }

    // Rotates every pair of rows once; false when none needed it.
    private static bool Sweep(double[] gram, double[] vectors, int rows)
    {
        var (rotated, largest) = (false, 0.0);
        for (var i = 0; i < rows; i++) largest = Math.Max(largest, Dot(gram.AsSpan(i * rows, rows), gram.AsSpan(i * rows, rows)));
        var tiny = largest * Negligible * Negligible;
        for (var p = 0; p < rows - 1; p++)
        {
            for (var q = p + 1; q < rows; q++)
            {
                Span<double> a = gram.AsSpan(p * rows, rows), b = gram.AsSpan(q * rows, rows);
                var (alpha, beta, gamma) = (Dot(a, a), Dot(b, b), Dot(a, b));
                if (alpha <= tiny || beta <= tiny || Math.Abs(gamma) <= Orthogonal * Math.Sqrt(alpha * beta)) continue;
                rotated = true;
                var zeta = (beta - alpha) / (2 * gamma);
                var tangent = (zeta < 0 ? -1 : 1) / (Math.Abs(zeta) + Math.Sqrt(1 + (zeta * zeta)));
                var cosine = 1 / Math.Sqrt(1 + (tangent * tangent));
                Rotate(a, b, cosine, cosine * tangent);
                Rotate(vectors.AsSpan(p * rows, rows), vectors.AsSpan(q * rows, rows), cosine, cosine * tangent);
            }
        }
        return rotated;
    }

    private static void Rotate(Span<double> a, Span<double> b, double cosine, double sine)
    {
        var i = 0;
        for (; i <= a.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            var (x, y) = (new Vector<double>(a[i..]), new Vector<double>(b[i..]));
            ((cosine * x) - (sine * y)).CopyTo(a[i..]);
            ((sine * x) + (cosine * y)).CopyTo(b[i..]);
        }
        for (; i < a.Length; i++) (a[i], b[i]) = ((cosine * a[i]) - (sine * b[i]), (sine * a[i]) + (cosine * b[i]));
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var (sums, i) = (Vector<double>.Zero, 0);
        for (; i <= a.Length - Vector<double>.Count; i += Vector<double>.Count) sums += new Vector<double>(a[i..]) * new Vector<double>(b[i..]);
        var sum = System.Numerics.Vector.Sum(sums);
        for (; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }
}
