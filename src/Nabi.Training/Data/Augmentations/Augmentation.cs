namespace Nabi.Training.Data.Augmentations;

/// <summary>
/// A random change of a training image that keeps its class. It works on normalized values, one image at a time; its chance depends
/// only on the seed, the epoch and the sample, never on threads or batches.
/// </summary>
public abstract record Augmentation
{
    /// <summary>Changes the image.</summary>
    /// <param name="image">The image; it is changed in place.</param>
    /// <param name="rng">The chance for this sample.</param>
    public abstract void Apply(AugmentedImage image, Rng rng);
}
