namespace Nabi.Compression.Factorization;

/// <summary>
/// CP decomposition (Lebedev et al. 2015, Speeding-up Convolutional Neural Networks Using Fine-tuned CP-Decomposition, section 3.2): W is a sum of R products of four vectors, and the layer
/// becomes 1 x 1 to R channels, two depthwise convolutions of k x 1 and 1 x k, and 1 x 1 to the outputs.
/// </summary>
/// <remarks>
/// Vectors are found by alternating least squares from a random start, with a ridge against the diverging components the method is known for; the paper uses non-linear least squares.
/// CP has no spectrum: the rank for an energy is searched by doubling and halving, and the error falls with the rank only on the whole.
/// </remarks>
public sealed record Cp : LayerFactorization
{
    internal override Decomposition? Of(FactorLayer layer, Rng rng, CancellationToken cancellation) =>
        layer.Height * layer.Width > 1 ? new Sum(layer, rng, cancellation) : null;

    private sealed class Sum(FactorLayer layer, Rng rng, CancellationToken cancellation) : Decomposition
    {
        private readonly Dictionary<int, AlternatingLeastSquares> _fits = [];
        private readonly double _energy = layer.Energy;

        public override int[] RanksFor(double energy)
        {
            // More components than that take more products than the layer.
            var most = Math.Max(1, layer.Numbers.Length / (layer.Outputs + layer.Inputs + layer.Height + layer.Width));
            var (low, high) = (0, 1);
            while (high < most && !Keeps(high, energy)) (low, high) = (high, Math.Min(most, 2 * high));
            while (high - low > Math.Max(1, high / 16))
            {
                var middle = (low + high) / 2;
                if (Keeps(middle, energy)) high = middle;
                else low = middle;
            }
            return [high];
        }

        public override IReadOnlyList<Factor> Factors(int[] ranks)
        {
            var (rank, parts) = (ranks[0], Fit(ranks[0]).Parts);
            List<Factor> factors = [new Factor(Turned(parts[1], layer.Inputs, rank), rank, layer.Inputs)];
            factors.Add(new Factor(Turned(parts[2], layer.Height, rank), rank, rank, layer.Height) { Groups = rank, IsVertical = true });
            factors.Add(new Factor(Turned(parts[3], layer.Width, rank), rank, rank, 1, layer.Width) { Groups = rank, IsHorizontal = true });
            factors.Add(new Factor(parts[0], layer.Outputs, rank));
            return factors;
        }

        private bool Keeps(int rank, double energy) => Fit(rank).SquaredError <= (1 - energy) * _energy;

        private AlternatingLeastSquares Fit(int rank)
        {
            if (!_fits.TryGetValue(rank, out var fit))
                _fits[rank] = fit = new AlternatingLeastSquares(layer.Numbers, [layer.Outputs, layer.Inputs, layer.Height, layer.Width], rank, rng.Fork((ulong)rank), cancellation);
            return fit;
        }

        private static double[] Turned(double[] matrix, int rows, int columns)
        {
            var turned = new double[matrix.Length];
            for (var i = 0; i < rows; i++)
                for (var j = 0; j < columns; j++) turned[(j * rows) + i] = matrix[(i * columns) + j];
            return turned;
        }
    }
}
