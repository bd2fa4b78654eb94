using Nabi.Ops;
using Nabi.Training;

namespace Nabi.Compression.Pruning;

/// <summary>
/// A dense layer that learns which features each of its groups needs (Huang et al. 2018, CondenseNet, section 3.2): the filters are split into
/// groups, filter f into group f mod G, and every group keeps one in C of the input features. Where a layer updates features, its inputs are
/// split instead and every group keeps one in C of the outputs (Yang et al. 2021, CondenseNet V2, section 3.2).
/// </summary>
/// <param name="Split">The weight, the axis that is split, and G.</param>
/// <param name="Features">Elements of the other axis: the features that are chosen from.</param>
/// <param name="Factor">C, the condensation factor: in the end a group keeps ceil(Features / C) features.</param>
public sealed record LearnedGroups(WeightGroups Split, int Features, int Factor)
{
    /// <summary>Features that a group keeps in the end.</summary>
    public int Kept => Features - Dropped(Factor - 1);

    /// <summary>Features that a group has dropped after a stage: stage / C of them.</summary>
    /// <param name="stage">0 to C - 1.</param>
    public int Dropped(int stage) => (int)((long)Features * stage / Factor);

    /// <summary>The stage of a training: C - 1 stages of equal length in its first half, each with one dropping at its end.</summary>
    /// <param name="progress">Part of the training that is done, 0 to 1.</param>
    /// <returns>How often it has dropped, 0 to C - 1.</returns>
    public int StageAt(double progress) => Math.Min(Factor - 1, (int)(2 * progress * (Factor - 1) + 1e-9));

    /// <summary>Sets the weights between each group and the features it drops to zero: those of the smallest L1 norm.</summary>
    /// <param name="weights">Float32 numbers of the weight, changed in place.</param>
    /// <param name="stage">0 to C - 1.</param>
    public void Prune(Tensor weights, int stage)
    {
        if (Dropped(stage) is var dropped && dropped == 0) return;
        var w = weights.Span<float>();
        var inner = weights.Shape[1];
        foreach (var (group, order) in Ranking(weights))
        {
            foreach (var feature in order.AsSpan(0, dropped))
                for (var i = group; i < SplitSize(weights); i += Split.Groups) w[Split.Axis == 0 ? i * inner + feature : feature * inner + i] = 0;
        }
    }

    /// <summary>The features each group keeps, ascending.</summary>
    /// <exception cref="NabiException">A group still reads more than it may keep.</exception>
    public int[][] Choice(Tensor weights)
    {
        var choice = new int[Split.Groups][];
        foreach (var (group, order) in Ranking(weights))
        {
            var chosen = order.AsSpan(Features - Kept).ToArray();
            if (Features > Kept && Norm(weights, group, order[Features - Kept - 1]) > 0)
                throw new NabiException($"group {group} of '{Split.Weight}' still has weights for more than {Kept} of {Features} features; train it to the end of its condensation first");
            Array.Sort(chosen);
            choice[group] = chosen;
        }
        return choice;
    }

    /// <summary>
    /// The layers of a network that can learn groups: 1x1 convolutions without groups whose filters divide into groups, and the last dense
    /// layer. A convolution whose result is added to features as it is updates them and chooses outputs, every other chooses inputs. Layers that
    /// gate channels by pooled values (squeeze and excitation) are left alone.
    /// </summary>
    /// <param name="graph">The network.</param>
    /// <param name="groups">G of the convolutions.</param>
    /// <param name="factor">C of the convolutions.</param>
    /// <param name="classifier">C of the last dense layer, whose G is 1; 1 leaves it as it is.</param>
    public static IReadOnlyList<LearnedGroups> Of(Graph graph, int groups, int factor, int classifier)
    {
        var layers = new List<LearnedGroups>();
        Node? last = null;
        foreach (var (node, weight, axes) in WeightAxes.Layers(graph))
        {
            if (weight is not { IsTrainable: true, UseCount: 1, DType: DType.Float32 } || node.Inputs[0]!.Data is not null) continue;
            if (node.Op is Gemm or MatMul && node.Inputs[0]!.Shape.Rank == 2) last = node;
            if (!IsPointwise(node) || IsPooled(node.Inputs[0]!)) continue;
            var split = IsReactivation(node) ? axes.InputAxis : axes.OutputAxis;
            if (weight.Shape[split] % groups != 0 || weight.Shape[1 - split] < factor) continue;
            layers.Add(new LearnedGroups(new WeightGroups(weight.Name, split, groups), weight.Shape[1 - split], factor));
        }
        if (classifier > 1 && last is not null && WeightAxes.Of(last) is { } at && last.Inputs[1]!.Shape[at.InputAxis] >= classifier)
            layers.Add(new LearnedGroups(new WeightGroups(last.Inputs[1]!.Name, at.OutputAxis, 1), last.Inputs[1]!.Shape[at.InputAxis], classifier));
        return layers;
    }

    // For each group the features by rising L1 norm of their weights; of equal ones the first comes first.
    private IEnumerable<(int Group, int[] Order)> Ranking(Tensor weights)
    {
        for (var group = 0; group < Split.Groups; group++)
        {
            var norms = new float[Features];
            var order = new int[Features];
            for (var feature = 0; feature < Features; feature++) (norms[feature], order[feature]) = (Norm(weights, group, feature), feature);
            Array.Sort(order, (a, b) => norms[a] != norms[b] ? norms[a].CompareTo(norms[b]) : a.CompareTo(b));
            yield return (group, order);
        }
    }

    private float Norm(Tensor weights, int group, int feature)
    {
        var w = weights.Span<float>();
        var (inner, sum) = (weights.Shape[1], 0.0);
        for (var i = group; i < SplitSize(weights); i += Split.Groups) sum += Math.Abs(w[Split.Axis == 0 ? i * inner + feature : feature * inner + i]);
        return (float)sum;
    }

    private int SplitSize(Tensor weights) => weights.Shape[Split.Axis];

    private static bool IsPointwise(Node node) => node.Op is Conv { Group: 1 } && node.Inputs[1]!.Shape.Rank == 4 && node.Inputs[1]!.Shape.CountOf(2, 4) == 1;

    // An Add of the bare result to another value of the same shape, which is no bias.
    private static bool IsReactivation(Node node) =>
        node.Output is { UseCount: 1, Users: [{ Op: Add } add] } && add.Inputs.All(v => v!.Data is null && v.Shape.Equals(node.Output.Shape));

    private static bool IsPooled(Value value)
    {
        while (value.Producer is { } node)
        {
            if (node.Op is GlobalAveragePool or ReduceMean) return true;
            if (value.Shape is not { Rank: 4 } || value.Shape[2] != 1 || value.Shape[3] != 1) return false;
            value = node.Inputs[0]!;
        }
        return false;
    }
}
