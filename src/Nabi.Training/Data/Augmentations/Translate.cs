namespace Nabi.Training.Data.Augmentations;

/// <summary>Moves the image by up to a part of its size in both directions, whole pixels.</summary>
/// <param name="Fraction">Largest move as part of width and height, 0 to 1. Default 0.1.</param>
public sealed record Translate(double Fraction = 0.1) : Augmentation
{
    /// <inheritdoc/>
    public override void Apply(AugmentedImage image, Rng rng)
    {
        var (x, y) = ((int)(image.Width * Fraction), (int)(image.Height * Fraction));
        image.Shift(rng.Next(2 * x + 1) - x, rng.Next(2 * y + 1) - y);
    }
}
