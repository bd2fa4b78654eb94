namespace Nabi.Compression.Factorization;

/// <summary>The best approximations of a matrix W [rows, columns] by products P Q of any rank (Eckart and Young 1936).</summary>
internal sealed class TruncatedSvd
{
    private readonly double[] _matrix;
    private readonly int _rows;
    private readonly int _columns;
    private readonly LeftBasis _basis;

    /// <summary>Decomposes the matrix from its shorter side.</summary>
    public TruncatedSvd(double[] matrix, int rows, CancellationToken cancellation)
    {
        (_matrix, _rows, _columns) = (matrix, rows, matrix.Length / rows);
        if (_rows <= _columns)
        {
            _basis = LeftBasis.Of(matrix, rows, cancellation);
            return;
        }
        var transposed = new double[matrix.Length];
        for (var i = 0; i < _rows; i++)
            for (var j = 0; j < _columns; j++) transposed[(j * _rows) + i] = matrix[(i * _columns) + j];
        _basis = LeftBasis.Of(transposed, _columns, cancellation);
    }

    /// <summary>The smallest rank that keeps a part of the energy.</summary>
    public int RankFor(double energy) => _basis.RankFor(energy);

    /// <summary>P [rows, rank] and Q [rank, columns]; a singular value is shared between both by its root, so that they train at like rates.</summary>
    public (double[] P, double[] Q) Split(int rank)
    {
        var (p, q) = (new double[_rows * rank], new double[rank * _columns]);
        for (var r = 0; r < rank; r++)
        {
            var vector = _basis.Vector(r);
            var root = _basis.Squares[r] > 0 ? Math.Pow(_basis.Squares[r], 0.25) : 1;
            for (var i = 0; i < _rows; i++)
            {
                for (var j = 0; j < _columns; j++)
                {
                    // The vector is one of the shorter side; the other factor is what the matrix makes of it.
                    if (_rows <= _columns) q[(r * _columns) + j] += vector[i] * _matrix[(i * _columns) + j] / root;
                    else p[(i * rank) + r] += vector[j] * _matrix[(i * _columns) + j] / root;
                }
                if (_rows <= _columns) p[(i * rank) + r] = vector[i] * root;
            }
            for (var j = 0; j < _columns && _rows > _columns; j++) q[(r * _columns) + j] = vector[j] * root;
        }
        return (p, q);
    }
}
