namespace Nabi.Training.Data.Augmentations;

/// <summary>Mirrors left and right at random.</summary>
/// <param name="Probability">How often, 0 to 1. Default 0.5.</param>
public sealed record HorizontalFlip(double Probability = 0.5) : Augmentation
{
    /// <inheritdoc/>
    public override void Apply(AugmentedImage image, Rng rng)
    {
        if (rng.NextDouble() < Probability) image.Flip();
    }
}
