namespace Nabi.Training.Data.Augmentations;

/// <summary>
/// Pads the image with black on all sides and cuts out a window of the original size at a random place (He et al. 2016, section 4.2).
/// </summary>
/// <param name="Padding">Pixels on each side. Default 4.</param>
public sealed record RandomCrop(int Padding = 4) : Augmentation
{
    /// <inheritdoc/>
    public override void Apply(AugmentedImage image, Rng rng) =>
        image.Shift(rng.Next(2 * Padding + 1) - Padding, rng.Next(2 * Padding + 1) - Padding);
}
