using Nabi.Ops;
using Nabi.Training.Data.Augmentations;
using Nabi.Training.Data;

namespace Nabi.Training;

/// <summary>Everything that decides the result of a training. Equal options, model, data and threads give equal bits.</summary>
public sealed record TrainingOptions
{
    /// <summary>Times the training set is gone through. Default 10. Range 1 to 100,000.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>Ends after this many steps, over which the schedule is then spread; <see cref="Epochs"/> means nothing then. Default none.</summary>
    public int? Steps { get; init; }

    /// <summary>Samples in a step. Default 64.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>
    /// The learning rate that the schedule scales, above 0. Default 0.05, for SGD on networks with batch normalization; Adam, and networks whose
    /// normalization was folded into their convolutions, want about 0.001 (the latter also <see cref="ClipNorm"/>).
    /// </summary>
    public double LearningRate { get; init; } = 0.05;

    /// <summary>How parameters follow gradients. Default SGD with Nesterov momentum.</summary>
    public Optimizer Optimizer { get; init; } = new Sgd();

    /// <summary>How the learning rate goes. Default a short warm-up, then half a cosine.</summary>
    public Schedule Schedule { get; init; } = new WarmUp(new Cosine());

    /// <summary>What is made small. Default cross entropy.</summary>
    public Loss Loss { get; init; } = new CrossEntropy();

    /// <summary>Further terms of the loss on parameters. Default none.</summary>
    public ValueArray<Penalty> Penalties { get; init; } = [];

    /// <summary>Weights that are set to zero while the training goes on. Default none.</summary>
    public PruningSchedule? Pruning { get; init; }

    /// <summary>Learning from teachers' scores; the teachers are given to the trainer. Default none.</summary>
    public Distillation? Distillation { get; init; }

    /// <summary>Learning from features, from deeper exits, from other networks: terms of the loss that look inside. Default none.</summary>
    public ValueArray<Guidance> Guidance { get; init; } = [];

    /// <summary>Learning from one's own predictions of the epoch before. Default none.</summary>
    public PastSelf? PastSelf { get; init; }

    /// <summary>Scales all gradients down together when their common norm passes this (Pascanu et al. 2013, algorithm 1). Default none.</summary>
    public double? ClipNorm { get; init; }

    /// <summary>
    /// The eta of AdderNet (Chen et al. 2020, equations 9 and 10): in every step the gradient of each layer's <see cref="AdderConv"/> filters, k numbers
    /// in all, is scaled to the norm eta sqrt(k) before the optimizer sees it, because these gradients differ widely in size from layer to layer. Means
    /// nothing to other parameters. Default 0.2, as in the reference code (the paper says 0.1); null leaves the gradients as they are.
    /// </summary>
    public double? AdderRate { get; init; } = 0.2;

    /// <summary>
    /// Keep an exponential moving average of the parameters with this decay and return it; early steps average less: the decay of step t is at most
    /// (1 + t) / (10 + t). Default none.
    /// </summary>
    public double? EmaDecay { get; init; }

    /// <summary>Ratio of every dropout of the model while it is trained, in [0, 1); its own when null. The trained model keeps its own. Default null.</summary>
    public double? Dropout { get; init; }

    /// <summary>
    /// How often the last residual branch is left out of a step, sample by sample, in [0, 1); earlier ones less, rising linearly (Huang et al. 2016, eq. 4).
    /// EfficientNets use 0.2. Default 0: never.
    /// </summary>
    public double StochasticDepth { get; init; }

    /// <summary>Decay biases and normalization parameters too? Default false.</summary>
    public bool DecayAll { get; init; }

    /// <summary>Do batch normalizations use and update the batch's statistics? When not, they stay as they are. Default true.</summary>
    public bool TrainStatistics { get; init; } = true;

    /// <summary>
    /// Keep only some of the activations for the backward pass and compute the others again, which takes less memory and more time (Chen et al. 2016,
    /// "Training Deep Nets with Sublinear Memory Cost"). Default false.
    /// </summary>
    public bool Recompute { get; init; }

    /// <summary>Names of parameters that stay as they are; batch normalizations whose scale and shift are among them keep their running statistics, too. Default none.</summary>
    public ValueArray<string> Frozen { get; init; } = [];

    /// <summary>Names of parameters that every update limits to [-1, 1]: real weights behind binary ones (Courbariaux et al. 2015, section 2.4). Default none.</summary>
    public ValueArray<string> Limited { get; init; } = [];

    /// <summary>Seed of order, augmentation and dropout. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>What is done to the values; null takes the model's metadata or, when it says nothing, mean and deviation of the training set.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>Random changes of each training image, in order. Default none.</summary>
    public ValueArray<Augmentation> Augmentations { get; init; } = [];

    /// <summary>Convex combinations of pairs. Default none.</summary>
    public Mixup? Mixup { get; init; }

    /// <summary>
    /// A learning rate to begin with: 0.05 for SGD with momentum on networks with batch normalization, which keeps activations in bounds, 0.01 on others;
    /// 0.1 with adder layers, as in AdderNet's reference code; 0.001 for optimizers that scale each step by themselves.
    /// </summary>
    public static double UsualLearningRate(Graph model, Optimizer optimizer) =>
        optimizer is not Sgd ? 0.001 : model.Nodes.Any(n => n.Op is AdderConv) ? 0.1 : model.Nodes.Any(n => n.Op is BatchNormalization) ? 0.05 : 0.01;

    /// <summary>What is wrong, as a sentence; null when nothing is.</summary>
    internal string? Fault =>
        Epochs is < 1 or > 100_000 ? $"A training of {Epochs} epochs is not possible; use 1 to 100,000."
        : Steps is < 1 ? $"A training of {Steps} steps is not possible; use 1 or more."
        : BatchSize is < 1 or > 65536 ? $"A batch of {BatchSize} samples is not possible; use 1 to 65536."
        : LearningRate is not (> 0 and < 1e6) ? $"A learning rate of {LearningRate} is not possible; use one above 0."
        : Optimizer.WeightDecay is not (>= 0 and < 1) ? $"A weight decay of {Optimizer.WeightDecay} is not possible; use 0 to below 1."
        : ClipNorm is { } clip && clip is not > 0 ? $"A clipping norm of {clip} is not possible; use one above 0."
        : AdderRate is { } eta && eta is not (> 0 and < 1e6) ? $"A rate of {eta} for adder layers is not possible; use one above 0."
        : EmaDecay is { } decay && decay is not (>= 0 and < 1) ? $"An averaging decay of {decay} is not possible; use 0 to below 1."
        : Dropout is { } ratio && ratio is not (>= 0 and < 1) ? $"A dropout of {ratio} is not possible; use 0 to below 1."
        : StochasticDepth is not (>= 0 and < 1) ? $"A stochastic depth of {StochasticDepth} is not possible; use 0 to below 1."
        : Loss is Reconstruction && (Distillation is not null || Mixup is not null || PastSelf is not null || !Guidance.IsEmpty) ? "A reconstruction has no labels, so that neither distillation nor guidance nor mixup goes with it."
        : PastSelf is { } past && past.Alpha is not (>= 0 and <= 1) ? $"A share of {past.Alpha} for past predictions is not possible; use 0 to 1."
        : PastSelf is not null && Mixup is not null ? "Past predictions and mixup do not go together: nothing was predicted for the mixed samples."
        : Guidance.Select(g => g.Fault).FirstOrDefault(f => f is not null) is { } guidance ? guidance
        : Mixup is not null && Distillation is { IsPrecomputed: true } ? "Precomputed distillation and mixup do not go together: the teacher has not seen the mixed samples."
        : null;
}
