using Nabi.Training.Data.Augmentations;

namespace Nabi.Training;

/// <summary>How hard a training is made, in the three ways of EfficientNetV2 (Tan and Le 2021, section 4.2): on the features, on the image, across images.</summary>
/// <param name="Dropout">Ratio of the model's dropouts, in [0, 1).</param>
/// <param name="Magnitude">Magnitude of <see cref="RandAugment"/>; 0 is none of it.</param>
/// <param name="MixupAlpha">Alpha of <see cref="Mixup"/>; 0 is none of it.</param>
public readonly record struct Regularization(double Dropout, double Magnitude, double MixupAlpha)
{
    /// <summary>The point on the line to another: this one at 0, the other at 1.</summary>
    public Regularization Towards(Regularization end, double share) => new(
        double.Lerp(Dropout, end.Dropout, share), double.Lerp(Magnitude, end.Magnitude, share), double.Lerp(MixupAlpha, end.MixupAlpha, share));

    /// <summary>Options with this regularization: their own RandAugment takes the magnitude, or one with two layers joins their augmentations.</summary>
    public TrainingOptions Apply(TrainingOptions options)
    {
        var layers = 2;
        var others = new List<Augmentation>();
        foreach (var augmentation in options.Augmentations)
        {
            if (augmentation is RandAugment own) layers = own.Layers;
            else others.Add(augmentation);
        }
        if (Magnitude > 0) others.Add(new RandAugment(layers, Magnitude));
        return options with { Dropout = Dropout, Augmentations = [.. others], Mixup = MixupAlpha > 0 ? new Mixup(MixupAlpha) : null };
    }
}
