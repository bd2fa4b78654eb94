using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// A network's deepest classifier teaches shallower ones: Zhang et al. 2019, "Be Your Own Teacher", section 3, equations 3 to 6. Behind every stage but the
/// last stands an exit: a bottleneck of strided convolutions that brings the features to the size of the deepest ones, and a classifier. For each exit
/// the loss gains (1 - Alpha) CE(exit, labels) + Alpha T^2 KL(deepest / T || exit / T) + Lambda || F_exit - F_deepest ||^2;
/// the deepest classifier keeps its own loss. The exits are in the training graph only.
/// </summary>
/// <remarks>
/// Stages are those of <see cref="Features.Stages"/>. The bottleneck is a chain of 3x3 convolutions of stride 2 with batch normalization and ReLU, as long as
/// the maps are larger than the deepest ones; where it does not arrive at their exact size the exit has no hint term. The distance is summed over the
/// features and averaged over the batch; the reference code's 1e-6 on the sum over its batch of 128 becomes the default of Lambda.
/// </remarks>
public sealed record OwnTeacher : Guidance
{
    /// <summary>Share of the deepest classifier's voice in an exit's loss, 0 to 1. Default 0.1, as in the reference code.</summary>
    public double Alpha { get; init; } = 0.1;

    /// <summary>T, above 0. Default 3, as in the reference code.</summary>
    public double Temperature { get; init; } = 3;

    /// <summary>Factor of the distance between features, 0 or more. Default 1.28e-4.</summary>
    public double Lambda { get; init; } = 1.28e-4;

    /// <inheritdoc/>
    public override string? Fault => Alpha is >= 0 and <= 1 && Temperature > 0 && Lambda >= 0 ? null
        : $"Exits with alpha {Alpha}, temperature {Temperature} and lambda {Lambda} are not possible; use 0 to 1, above 0, and 0 or more.";

    /// <inheritdoc/>
    public override Value Build(GuidanceContext context)
    {
        var stages = Features.Stages(context.Model);
        if (stages.Count < 2) throw new NabiException($"Model '{context.Model.Name}' has {stages.Count} stages of different image size; exits need at least 2.");
        var b = context.Builder;
        var (wanted, deepest) = (b.Apply(new StopGradient(), context.Logits), b.Apply(new StopGradient(), context.Student(stages[^1])));
        Value? sum = null;
        for (var i = 0; i + 1 < stages.Count; i++)
        {
            var features = Bottleneck(context, $"exit{i + 1}", context.Student(stages[i]), deepest.Shape);
            var logits = Classifier(context, $"exit{i + 1}", features);
            var loss = b.Add(b.Mul(context.LabelLoss(logits), 1 - Alpha), b.Mul(Distillation.Divergence(b, logits, wanted, Temperature), Alpha * Temperature * Temperature));
            if (Lambda > 0 && features.Shape.Equals(deepest.Shape))
                loss = b.Add(loss, b.Mul(b.ReduceSum(b.Square(b.Sub(features, deepest)), [], keepdims: false), Lambda / context.BatchSize));
            sum = sum is null ? loss : b.Add(sum, loss);
        }
        return sum!;
    }

    private static Value Bottleneck(GuidanceContext context, string name, Value x, Shape wanted)
    {
        var b = context.Builder;
        for (var i = 0; i == 0 || x.Shape[2] > wanted[2] && x.Shape[3] > wanted[3]; i++)
        {
            var weight = context.Weight($"{name}.{i}.conv", [wanted[1], x.Shape[1], 3, 3]);
            var (scale, shift) = (context.Parameter($"{name}.{i}.scale", Tensor.Full([wanted[1]], 1f)), context.Parameter($"{name}.{i}.shift", Tensor.Zeros(DType.Float32, [wanted[1]])));
            var (mean, variance) = (b.Constant(Tensor.Zeros(DType.Float32, [wanted[1]])), b.Constant(Tensor.Full([wanted[1]], 1f)));
            var outputs = b.ApplyAll(new BatchNormalization { TrainingMode = true }, 5, b.Conv(x, weight, stride: 2, pad: 1), scale, shift, mean, variance);
            x = b.Relu(outputs[0]);
        }
        return x;
    }

    private static Value Classifier(GuidanceContext context, string name, Value features)
    {
        var (b, classes) = (context.Builder, context.Logits.Shape[1]);
        return b.Dense(b.Flatten(b.GlobalAveragePool(features)), context.Weight($"{name}.dense", [classes, features.Shape[1]]), context.Parameter($"{name}.bias", Tensor.Zeros(DType.Float32, [classes])));
    }
}
