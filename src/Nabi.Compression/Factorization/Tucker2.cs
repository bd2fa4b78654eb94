namespace Nabi.Compression.Factorization;

/// <summary>
/// Tucker-2 decomposition (Kim et al. 2016, Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile Applications, section 3.1): 1 x 1 to R3 channels,
/// the kernel's size to R4 channels, 1 x 1 to the outputs.
/// </summary>
/// <remarks>
/// Bases are the singular vectors of the two unfoldings along the channels (higher-order SVD). Each leaves out at most half of the energy that may go: the squared error is at most the sum of
/// both. The paper takes ranks from variational Bayes, here energy or a budget gives them. A side that keeps all its channels gets no layer.
/// </remarks>
public sealed record Tucker2 : LayerFactorization
{
    internal override Decomposition? Of(FactorLayer layer, Rng rng, CancellationToken cancellation) =>
        layer.Height * layer.Width > 1 ? new Core(layer, cancellation) : null;

    private sealed class Core : Decomposition
    {
        private readonly FactorLayer _layer;
        private readonly LeftBasis _outputs;
        private readonly LeftBasis _inputs;

        public Core(FactorLayer layer, CancellationToken cancellation)
        {
            _layer = layer;
            _outputs = LeftBasis.Of(layer.Numbers, layer.Outputs, cancellation);
            var (taps, turned) = (layer.Height * layer.Width, new double[layer.Numbers.Length]);
            for (var m = 0; m < layer.Outputs; m++)
                for (var c = 0; c < layer.Inputs; c++)
                    layer.Numbers.AsSpan(((m * layer.Inputs) + c) * taps, taps).CopyTo(turned.AsSpan(((c * layer.Outputs) + m) * taps));
            _inputs = LeftBasis.Of(turned, layer.Inputs, cancellation);
        }

        public override int[] RanksFor(double energy) => [_inputs.RankFor(1 - ((1 - energy) / 2)), _outputs.RankFor(1 - ((1 - energy) / 2))];

        public override IReadOnlyList<Factor> Factors(int[] ranks)
        {
            var (layer, taps, inputs, outputs) = (_layer, _layer.Height * _layer.Width, ranks[0], ranks[1]);
            var (first, last) = (Projection(_inputs, inputs), Projection(_outputs, outputs));
            // Inputs first: [outputs of the layer, inputs, taps], then outputs.
            var half = new double[layer.Outputs * inputs * taps];
            for (var m = 0; m < layer.Outputs; m++)
                for (var r = 0; r < inputs; r++)
                    for (var c = 0; c < layer.Inputs; c++)
                    {
                        var share = first[(r * layer.Inputs) + c];
                        for (var t = 0; t < taps && share != 0; t++) half[(((m * inputs) + r) * taps) + t] += share * layer.Numbers[(((m * layer.Inputs) + c) * taps) + t];
                    }
            var core = new double[outputs * inputs * taps];
            for (var r = 0; r < outputs; r++)
                for (var m = 0; m < layer.Outputs; m++)
                {
                    var share = last[(r * layer.Outputs) + m];
                    for (var i = 0; i < inputs * taps && share != 0; i++) core[(r * inputs * taps) + i] += share * half[(m * inputs * taps) + i];
                }
            var factors = new List<Factor>();
            if (inputs < layer.Inputs) factors.Add(new Factor(first, inputs, layer.Inputs));
            factors.Add(new Factor(core, outputs, inputs, layer.Height, layer.Width) { IsVertical = true, IsHorizontal = true });
            if (outputs < layer.Outputs) factors.Add(new Factor(Turned(last, outputs, layer.Outputs), layer.Outputs, outputs));
            return factors;
        }

        // The first vectors as rows; all of them are no projection, and the identity does as well.
        private static double[] Projection(LeftBasis basis, int rank)
        {
            var rows = new double[rank * basis.Rows];
            for (var r = 0; r < rank; r++)
            {
                if (rank < basis.Rows) basis.Vector(r).CopyTo(rows.AsSpan(r * basis.Rows));
                else rows[(r * basis.Rows) + r] = 1;
            }
            return rows;
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
