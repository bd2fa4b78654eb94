namespace Nabi.Compression.Factorization;

/// <summary>
/// Separable filters (Jaderberg, Vedaldi and Zisserman 2014, Speeding up Convolutional Neural Networks with Low Rank Expansions, section 2.2, scheme 2): a k x k convolution
/// becomes R filters of k x 1 and then filters of 1 x k over those, W[m, c, i, j] = sum over r of V[r, c, i] H[m, r, j].
/// </summary>
/// <remarks>The paper finds the filters by descent; here they are the singular vectors of the matrix [inputs * k, outputs * k], the least error of this form (Tai et al. 2016).</remarks>
public sealed record SpatialSvd : LayerFactorization
{
    internal override Decomposition? Of(FactorLayer layer, Rng rng, CancellationToken cancellation) =>
        layer.Height > 1 && layer.Width > 1 ? new Pair(layer, cancellation) : null;

    private sealed class Pair(FactorLayer layer, CancellationToken cancellation) : Decomposition
    {
        private readonly TruncatedSvd _svd = new(Columns(layer), layer.Inputs * layer.Height, cancellation);

        public override int[] RanksFor(double energy) => [_svd.RankFor(energy)];

        public override IReadOnlyList<Factor> Factors(int[] ranks)
        {
            var rank = ranks[0];
            var (p, q) = _svd.Split(rank);
            var (vertical, horizontal) = (new double[p.Length], new double[q.Length]);
            for (var r = 0; r < rank; r++)
            {
                for (var i = 0; i < layer.Inputs * layer.Height; i++) vertical[(r * layer.Inputs * layer.Height) + i] = p[(i * rank) + r];
                for (var m = 0; m < layer.Outputs; m++)
                    for (var j = 0; j < layer.Width; j++)
                        horizontal[(((m * rank) + r) * layer.Width) + j] = q[(r * layer.Outputs * layer.Width) + (m * layer.Width) + j];
            }
            return
            [
                new Factor(vertical, rank, layer.Inputs, layer.Height) { IsVertical = true },
                new Factor(horizontal, layer.Outputs, rank, 1, layer.Width) { IsHorizontal = true },
            ];
        }

        // [inputs, i] x [outputs, j].
        private static double[] Columns(FactorLayer layer)
        {
            var (height, width) = (layer.Height, layer.Width);
            var matrix = new double[layer.Numbers.Length];
            for (var m = 0; m < layer.Outputs; m++)
                for (var c = 0; c < layer.Inputs; c++)
                    for (var i = 0; i < height; i++)
                        for (var j = 0; j < width; j++)
                            matrix[(((((c * height) + i) * layer.Outputs) + m) * width) + j] = layer.Numbers[(((((m * layer.Inputs) + c) * height) + i) * width) + j];
            return matrix;
        }
    }
}
