using Nabi.Training;

namespace Nabi.Compression.Sharing;

/// <summary>
/// Soft weight-sharing as a term of the loss (Ullrich, Meeds and Welling 2017, equation 3 and section 4.2; Nowlan and Hinton 1992, equation 1): -(tau / N) (log p(w) + log p(lambda)), where
/// p(w) is a mixture of Gaussians over all weights together and p(lambda) a Gamma density on each component's precision. Means, precisions and
/// mixing proportions are learned with the weights; component 0 has mean 0 and a fixed proportion.
/// </summary>
/// <param name="Weights">Names of the parameters concerned.</param>
/// <param name="Components">Components, the one at zero among them.</param>
/// <param name="ZeroShare">The proportion of component 0.</param>
/// <param name="Strength">tau / N.</param>
/// <param name="Low">The smallest weight at the start.</param>
/// <param name="High">The largest weight at the start.</param>
internal sealed record MixturePrior(ValueArray<string> Weights, int Components, double ZeroShare, double Strength, double Low, double High) : Guidance
{
    private const string Means = "mixture.means";
    private const string LogPrecisions = "mixture.log-precisions";
    private const string Proportions = "mixture.proportions";

    // The authors' code: weights learn at 5e-4, means at 1e-4, logarithms of precisions and proportions at 3e-3. Under Adam, whose steps do not depend on the size of
    // gradients, a parameter that is multiplied by a factor before it is used moves by as much more.
    private const double MeanFactor = 0.2;
    private const double LogFactor = 6;

    // The authors' code, for weights between -0.6 and 0.6: deviation at the start, and (alpha, beta) of the Gamma densities.
    private const double UsualRange = 1.2;
    private const double UsualDeviation = 0.25;
    private static readonly (double Alpha, double Beta) Zero = (5e3, 2), Other = (2.5e2, 0.1);

    // One means the range that the authors' numbers were chosen for.
    private double Unit => (High - Low) / UsualRange;

    /// <inheritdoc/>
    public override Value Build(GuidanceContext context)
    {
        var (b, n) = (context.Builder, Components);
        Value Learned(string name, int count, double from, double to, double factor) => b.Mul(context.Parameter(name,
            Tensor.Vector<float>([.. Enumerable.Range(0, count).Select(j => (float)((count == 1 ? (from + to) / 2 : from + ((to - from) * j / (count - 1))) / factor))])), factor);
        var start = -2 * Math.Log(UsualDeviation * Unit);
        var means = b.Concat(0, b.Constant(Tensor.Vector(0f)), Learned(Means, n - 1, Low, High, MeanFactor));
        var logPrecisions = Learned(LogPrecisions, n, start, start, LogFactor);
        var others = b.Add(b.LogSoftmax(b.Reshape(Learned(Proportions, n - 1, 0, 0, LogFactor), [1, n - 1])), Math.Log(1 - ZeroShare));
        var logShares = b.Concat(0, b.Constant(Tensor.Vector((float)Math.Log(ZeroShare))), b.Reshape(others, [n - 1]));
        var precisions = b.Exp(logPrecisions);
        var likelihood = Weights.Select(name => LogLikelihood(b, context.Student(context.Model.Parameter(name)!), means, precisions, b.Add(logShares, b.Mul(logPrecisions, 0.5)))).Aggregate(b.Add);
        return b.Mul(b.Add(likelihood, LogHyperPrior(b, logPrecisions, precisions)), -Strength);
    }

    /// <summary>The mixture that a training arrived at.</summary>
    /// <param name="learned">What it learned beside the network.</param>
    public Mixture Read(IReadOnlyDictionary<string, Tensor> learned)
    {
        double[] Of(string name, double factor) => Array.ConvertAll(learned[name].ToSingle(), v => v * factor);
        var proportions = Of(Proportions, LogFactor);
        var sum = Math.Log(proportions.Sum(p => Math.Exp(p - proportions.Max()))) + proportions.Max();
        return new Mixture([0, .. Of(Means, MeanFactor)], Of(LogPrecisions, LogFactor), [Math.Log(ZeroShare), .. proportions.Select(p => Math.Log(1 - ZeroShare) + p - sum)]);
    }

    // Sum over weights i of log sum over components j of exp(s_j - lambda_j / 2 (w_i - mu_j)^2), as [components, weights].
    private Value LogLikelihood(GraphBuilder b, Value weight, Value means, Value precisions, Value s)
    {
        Value Column(Value v) => b.Reshape(v, [Components, 1]);
        var distance = b.Square(b.Sub(b.Reshape(weight, [1, weight.Shape.Count]), Column(means)));
        var densities = b.Sub(Column(s), b.Mul(distance, Column(b.Mul(precisions, 0.5))));
        var largest = b.Apply(new Ops.StopGradient(), b.ReduceMax(densities, [0]));
        var sums = b.Add(b.Log(b.ReduceSum(b.Exp(b.Sub(densities, largest)), [0])), largest);
        return b.ReduceSum(sums, [], keepdims: false);
    }

    // Sum over components of (alpha - 1) ln lambda - beta lambda, the beta in units of the weights' range.
    private Value LogHyperPrior(GraphBuilder b, Value logPrecisions, Value precisions)
    {
        Value Each(Func<(double Alpha, double Beta), double> number) =>
            b.Constant(Tensor.Vector<float>([.. Enumerable.Range(0, Components).Select(j => (float)number(j == 0 ? Zero : Other))]));
        return b.ReduceSum(b.Sub(b.Mul(logPrecisions, Each(g => g.Alpha - 1)), b.Mul(precisions, Each(g => g.Beta * Unit * Unit))), [], keepdims: false);
    }
}
