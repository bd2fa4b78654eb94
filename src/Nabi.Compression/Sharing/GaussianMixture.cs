namespace Nabi.Compression.Sharing;

/// <summary>
/// A mixture of Gaussians fitted by expectation maximization (Nowlan and Hinton 1992, "Simplifying Neural Networks by Soft Weight-Sharing", equation 1; Ullrich, Meeds and
/// Welling 2017, "Soft Weight-Sharing for Neural Network Compression"): each weight takes the mean of the component that is most responsible for it. Components have
/// widths and shares of their own, so that borders need not lie midway as with <see cref="KMeans"/>.
/// </summary>
/// <remarks>
/// Ullrich et al. learn the mixture with the weights, as a prior of the training, which is <see cref="SoftShareWeights"/>; here it is fitted to trained weights, and the means are trained afterwards. Of more than
/// 65,536 weights as many, evenly spread over the order, are fitted.
/// </remarks>
public sealed class GaussianMixture : Clustering
{
    private const int MostFitted = 1 << 16;
    private const int MostIterations = 100;
    private const double LeastGain = 1e-6;

    // A component may not become narrower than this part of the range: a density without bound would swallow single weights.
    private const double LeastWidth = 1e-3;

    /// <inheritdoc/>
    public override Clusters Group(float[] sorted, float[] start)
    {
        var step = (sorted.Length + MostFitted - 1) / MostFitted;
        var weights = Enumerable.Range(0, sorted.Length / step).Select(i => (double)sorted[i * step]).ToArray();
        var fit = new Fit(weights, Array.ConvertAll(start, c => (double)c), Math.Max(1e-12, sorted[^1] - sorted[0]));
        var before = double.NegativeInfinity;
        for (var iteration = 0; iteration < MostIterations; iteration++)
        {
            var likelihood = fit.Improve();
            if (likelihood - before < LeastGain * Math.Abs(likelihood)) break;
            before = likelihood;
        }
        return new Clusters(Array.ConvertAll(fit.Means, m => (float)m), Array.ConvertAll(sorted, w => fit.MostResponsible(w)));
    }

    private sealed class Fit
    {
        private readonly double[] _weights, _variances, _shares, _logs;
        private readonly double _leastVariance;

        public Fit(double[] weights, double[] means, double range)
        {
            (_weights, Means) = (weights, means);
            (_variances, _shares, _logs) = (new double[means.Length], new double[means.Length], new double[means.Length]);
            _leastVariance = Math.Pow(range * LeastWidth, 2);
            Array.Fill(_variances, Math.Max(_leastVariance, Math.Pow(range / means.Length, 2)));
            Array.Fill(_shares, 1.0 / means.Length);
        }

        public double[] Means { get; }

        // One round of expectation and maximization; the mean log-likelihood before it.
        public double Improve()
        {
            var n = Means.Length;
            var (mass, first, second, responsible) = (new double[n], new double[n], new double[n], new double[n]);
            var likelihood = 0.0;
            Prepare();
            foreach (var w in _weights)
            {
                var (largest, sum) = (double.NegativeInfinity, 0.0);
                for (var k = 0; k < n; k++) largest = Math.Max(largest, responsible[k] = LogDensity(k, w));
                for (var k = 0; k < n; k++) sum += responsible[k] = Math.Exp(responsible[k] - largest);
                likelihood += largest + Math.Log(sum);
                for (var k = 0; k < n; k++)
                {
                    var r = responsible[k] / sum;
                    mass[k] += r;
                    first[k] += r * w;
                    second[k] += r * w * w;
                }
            }
            for (var k = 0; k < n; k++)
            {
                _shares[k] = mass[k] / _weights.Length;
                if (mass[k] < LeastGain) continue;
                Means[k] = first[k] / mass[k];
                _variances[k] = Math.Max(_leastVariance, (second[k] / mass[k]) - (Means[k] * Means[k]));
            }
            Prepare();
            return likelihood / _weights.Length;
        }

        public int MostResponsible(double weight)
        {
            var best = 0;
            for (var k = 1; k < Means.Length; k++)
                if (LogDensity(k, weight) > LogDensity(best, weight)) best = k;
            return best;
        }

        // Without the factor of pi, which all components have.
        private double LogDensity(int k, double weight) => _logs[k] - ((weight - Means[k]) * (weight - Means[k]) / (2 * _variances[k]));

        private void Prepare()
        {
            for (var k = 0; k < Means.Length; k++) _logs[k] = Math.Log(Math.Max(1e-300, _shares[k])) - (0.5 * Math.Log(_variances[k]));
        }
    }
}
