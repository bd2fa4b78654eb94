using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// The outputs of a graph are the scores of a cohort of networks that teach each other: Zhang et al. 2018, "Deep Mutual Learning", equations 4 and 5 (1 to 3 for two).
/// Every network k minimises CE_k + 1 / (K - 1) times the sum over the others l of KL(p_l || p_k), and takes the others' predictions as given.
/// </summary>
/// <remarks>
/// The paper's algorithm 1 updates one network after the other and predicts again in between; here all are updated at once from the same predictions, as
/// the paper does when every network has a processor of its own.
/// </remarks>
internal sealed record MutualLearning : Guidance
{
    /// <inheritdoc/>
    public override Value Build(GuidanceContext context)
    {
        var b = context.Builder;
        Value[] scores = [context.Logits, .. Enumerable.Range(1, context.Model.Outputs.Count - 1).Select(context.Scores)];
        var given = Array.ConvertAll(scores, s => b.Apply(new StopGradient(), s));
        Value? sum = null;
        for (var k = 0; k < scores.Length; k++)
        {
            if (k > 0) Add(context.LabelLoss(scores[k]));
            for (var l = 0; l < scores.Length; l++)
                if (l != k) Add(b.Mul(Distillation.Divergence(b, scores[k], given[l], 1), 1.0 / (scores.Length - 1)));
        }
        return sum!;

        void Add(Value term) => sum = sum is null ? term : b.Add(sum, term);
    }
}
