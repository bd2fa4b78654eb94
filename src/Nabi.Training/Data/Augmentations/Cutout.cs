namespace Nabi.Training.Data.Augmentations;

/// <summary>
/// Covers a square with the mean (0 after normalization); its center is anywhere in the image, so that it may lie partly outside (DeVries and
/// Taylor 2017, section 3.2).
/// </summary>
/// <param name="Size">Side of the square in pixels. Default 16, the paper's choice for CIFAR-10.</param>
public sealed record Cutout(int Size = 16) : Augmentation
{
    /// <inheritdoc/>
    public override void Apply(AugmentedImage image, Rng rng) =>
        image.Fill(rng.Next(image.Height) - Size / 2, rng.Next(image.Width) - Size / 2, Size, Size, 0);
}
