namespace Nabi.Compression.Factorization;

/// <summary>
/// Singular value decomposition (Denton et al. 2014, Exploiting Linear Structure Within Convolutional Networks, section 3.1; Xue, Li and Gong 2013, Restructuring of Deep
/// Neural Network Acoustic Models with Singular Value Decomposition): W = P Q of rank R, a layer with R outputs and a dense layer or 1 x 1 convolution on them.
/// </summary>
/// <remarks>Of a convolution the matrix is [outputs, inputs * taps], so that the first factor keeps the kernel's size. The error is the root of the sum of the squared singular values left out, the least of all products of this rank.</remarks>
public sealed record Svd : LayerFactorization
{
    internal override Decomposition Of(FactorLayer layer, Rng rng, CancellationToken cancellation) => new Pair(layer, cancellation);

    private sealed class Pair(FactorLayer layer, CancellationToken cancellation) : Decomposition
    {
        private readonly TruncatedSvd _svd = new(layer.Numbers, layer.Outputs, cancellation);

        public override int[] RanksFor(double energy) => [_svd.RankFor(energy)];

        public override IReadOnlyList<Factor> Factors(int[] ranks)
        {
            var (p, q) = _svd.Split(ranks[0]);
            return
            [
                new Factor(q, ranks[0], layer.Inputs, layer.Height, layer.Width) { IsVertical = true, IsHorizontal = true },
                new Factor(p, layer.Outputs, ranks[0]),
            ];
        }
    }
}
