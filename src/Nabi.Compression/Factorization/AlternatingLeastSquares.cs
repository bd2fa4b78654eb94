using System.Numerics;

namespace Nabi.Compression.Factorization;

/// <summary>A tensor of four axes as a sum of R outer products, fitted axis by axis: with three of the four matrices fixed the fourth is a linear least squares problem.</summary>
internal sealed class AlternatingLeastSquares
{
    private const int Axes = 4;
    private const int MostRounds = 60;
    private const double Settled = 1e-5;
    private const double Ridge = 1e-8;

    private readonly double[] _tensor;
    private readonly int[] _sizes;
    private readonly int _rank;

    /// <summary>Fits.</summary>
    public AlternatingLeastSquares(double[] tensor, int[] sizes, int rank, Rng rng, CancellationToken cancellation)
    {
        (_tensor, _sizes, _rank) = (tensor, sizes, rank);
        Parts = Array.ConvertAll(sizes, size => new double[size * rank]);
        foreach (var part in Parts)
            for (var i = 0; i < part.Length; i++) part[i] = rng.NextGaussian();
        var energy = tensor.Sum(x => x * x);
        SquaredError = energy;
        for (var round = 0; round < MostRounds && energy > 0; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            var before = SquaredError;
            for (var axis = 0; axis < Axes; axis++) SquaredError = Update(axis, energy);
            Balance();
            if (round > 0 && Math.Abs(before - SquaredError) <= Settled * SquaredError) break;
        }
    }

    /// <summary>A matrix [size, R] for every axis.</summary>
    public double[][] Parts { get; }

    /// <summary>The sum of the squared differences from the tensor.</summary>
    public double SquaredError { get; private set; }

    // The best matrix for one axis; returns the squared error with it.
    private double Update(int axis, double energy)
    {
        var gram = Gram(axis);
        var product = Product(axis);
        var solved = (double[])product.Clone();
        Solve(gram, solved, _sizes[axis]);
        Parts[axis] = solved;
        var (cross, own) = (0.0, 0.0);
        for (var i = 0; i < solved.Length; i++) cross += solved[i] * product[i];
        for (var i = 0; i < _sizes[axis]; i++)
            for (var r = 0; r < _rank; r++)
                for (var s = 0; s < _rank; s++) own += solved[(i * _rank) + r] * gram[(r * _rank) + s] * solved[(i * _rank) + s];
        return Math.Max(0, energy - (2 * cross) + own);
    }

    // The products of the other axes' components with each other.
    private double[] Gram(int axis)
    {
        var gram = new double[_rank * _rank];
        Array.Fill(gram, 1);
        for (var other = 0; other < Axes; other++)
        {
            if (other == axis) continue;
            for (var r = 0; r < _rank; r++)
                for (var s = 0; s < _rank; s++)
                {
                    var sum = 0.0;
                    for (var i = 0; i < _sizes[other]; i++) sum += Parts[other][(i * _rank) + r] * Parts[other][(i * _rank) + s];
                    gram[(r * _rank) + s] *= sum;
                }
        }
        return gram;
    }

    // The tensor unfolded along the axis times the other axes' components.
    private double[] Product(int axis)
    {
        int[] others = [.. Enumerable.Range(0, Axes).Where(a => a != axis)];
        int[] strides = [_sizes[1] * _sizes[2] * _sizes[3], _sizes[2] * _sizes[3], _sizes[3], 1];
        var (result, weights, partial) = (new double[_sizes[axis] * _rank], new double[_rank], new double[_rank]);
        for (var i = 0; i < _sizes[others[0]]; i++)
            for (var j = 0; j < _sizes[others[1]]; j++)
            {
                for (var r = 0; r < _rank; r++) partial[r] = Parts[others[0]][(i * _rank) + r] * Parts[others[1]][(j * _rank) + r];
                for (var k = 0; k < _sizes[others[2]]; k++)
                {
                    for (var r = 0; r < _rank; r++) weights[r] = partial[r] * Parts[others[2]][(k * _rank) + r];
                    var start = (i * strides[others[0]]) + (j * strides[others[1]]) + (k * strides[others[2]]);
                    for (var n = 0; n < _sizes[axis]; n++) AddScaled(result.AsSpan(n * _rank, _rank), weights, _tensor[start + (n * strides[axis])]);
                }
            }
        return result;
    }

    private static void AddScaled(Span<double> sum, ReadOnlySpan<double> values, double by)
    {
        var i = 0;
        for (; i <= sum.Length - Vector<double>.Count; i += Vector<double>.Count)
            (new Vector<double>(sum[i..]) + (by * new Vector<double>(values[i..]))).CopyTo(sum[i..]);
        for (; i < sum.Length; i++) sum[i] += by * values[i];
    }

    // Rows x of the right sides become the solutions of gram x = row, by Cholesky's factors of the gram with a ridge.
    private void Solve(double[] gram, double[] rows, int count)
    {
        var trace = 0.0;
        for (var r = 0; r < _rank; r++) trace += gram[(r * _rank) + r];
        var lower = (double[])gram.Clone();
        for (var r = 0; r < _rank; r++) lower[(r * _rank) + r] += Ridge * trace / _rank;
        for (var r = 0; r < _rank; r++)
            for (var s = 0; s <= r; s++)
            {
                var sum = lower[(r * _rank) + s];
                for (var k = 0; k < s; k++) sum -= lower[(r * _rank) + k] * lower[(s * _rank) + k];
                lower[(r * _rank) + s] = r == s ? Math.Sqrt(Math.Max(sum, 1e-300)) : sum / lower[(s * _rank) + s];
            }
        for (var i = 0; i < count; i++)
        {
            var x = rows.AsSpan(i * _rank, _rank);
            for (var r = 0; r < _rank; r++)
            {
                for (var k = 0; k < r; k++) x[r] -= lower[(r * _rank) + k] * x[k];
                x[r] /= lower[(r * _rank) + r];
            }
            for (var r = _rank - 1; r >= 0; r--)
            {
                for (var k = r + 1; k < _rank; k++) x[r] -= lower[(k * _rank) + r] * x[k];
                x[r] /= lower[(r * _rank) + r];
            }
        }
    }

    // Every component is of like length on all axes: what the next rounds solve is well scaled, and so is what is trained.
    private void Balance()
    {
        Span<double> lengths = stackalloc double[Axes];
        for (var r = 0; r < _rank; r++)
        {
            var product = 1.0;
            for (var axis = 0; axis < Axes; axis++)
            {
                var sum = 0.0;
                for (var i = 0; i < _sizes[axis]; i++) sum += Parts[axis][(i * _rank) + r] * Parts[axis][(i * _rank) + r];
                product *= lengths[axis] = Math.Sqrt(sum);
            }
            if (product == 0) continue;
            var like = Math.Pow(product, 1.0 / Axes);
            for (var axis = 0; axis < Axes; axis++)
                for (var i = 0; i < _sizes[axis]; i++) Parts[axis][(i * _rank) + r] *= like / lengths[axis];
        }
    }
}
