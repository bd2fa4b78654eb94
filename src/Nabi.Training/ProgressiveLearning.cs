namespace Nabi.Training;

/// <summary>
/// Progressive learning with adaptive regularization: Tan and Le 2021, "EfficientNetV2: Smaller Models and Faster Training", section 4 and algorithm 1. A training in stages of equal
/// length: images grow linearly from small to the model's own size, which makes the early stages fast, and regularization grows with them, because a network learns less from
/// small images and must be held back less. Defaults are table 6's for EfficientNetV2-S; M and L end at magnitude 15 and 20, mixup 0.2 and 0.5, dropout 0.4 and 0.5.
/// </summary>
public sealed record ProgressiveLearning
{
    /// <summary>Number of stages, M. Default 4, the paper's. Range 2 to 64.</summary>
    public int Stages { get; init; } = 4;

    /// <summary>Size of the first images as share of the last, in (0, 1]. Default 128 / 300.</summary>
    public double StartSize { get; init; } = 128.0 / 300;

    /// <summary>Regularization of the first stage. Default dropout 0.1, RandAugment 5, no mixup.</summary>
    public Regularization Start { get; init; } = new(0.1, 5, 0);

    /// <summary>Regularization of the last stage. Default dropout 0.3, RandAugment 10, no mixup.</summary>
    public Regularization End { get; init; } = new(0.3, 10, 0);

    /// <summary>The stages of a training, by algorithm 1: stage i is at i / (M - 1) of the way from start to end, and has a share 1 / M of the epochs.</summary>
    /// <param name="height">Rows of the last stage's images: the model's.</param>
    /// <param name="width">Columns of the last stage's images.</param>
    /// <param name="epochs">Epochs in all.</param>
    /// <exception cref="NabiException">There are fewer epochs than stages, or a value is out of range.</exception>
    public IReadOnlyList<ProgressiveStage> Plan(int height, int width, int epochs)
    {
        if (Stages is < 2 or > 64) throw new NabiException($"Progressive learning in {Stages} stages is not possible; use 2 to 64.");
        if (StartSize is not (> 0 and <= 1)) throw new NabiException($"First images of {StartSize} of the size are not possible; use a share above 0 and up to 1.");
        if (epochs < Stages) throw new NabiException($"Progressive learning in {Stages} stages needs {Stages} epochs or more, not {epochs}.");
        var stages = new ProgressiveStage[Stages];
        for (var i = 0; i < Stages; i++)
        {
            var share = (double)i / (Stages - 1);
            var size = double.Lerp(StartSize, 1, share);
            var (first, next) = (epochs * i / Stages, epochs * (i + 1) / Stages);
            stages[i] = new ProgressiveStage(Side(height * size), Side(width * size), first, next - first, Start.Towards(End, share));
        }
        return stages;
    }

    private static int Side(double pixels) => Math.Max(1, (int)Math.Round(pixels));
}
