namespace Nabi.Compression.Distillation;

/// <summary>A step that trains: how samples come to it.</summary>
public abstract record TrainedStep : CompressionStep
{
    /// <summary>Samples in a batch. Default the context's.</summary>
    public int? Batch { get; init; }

    /// <summary>Crop images at random after padding by this many pixels. Default 0: no cropping.</summary>
    public int Crop { get; init; }

    /// <summary>Flip images at random from left to right? Default false: it changes the meaning of digits and letters.</summary>
    public bool Flip { get; init; }

    /// <inheritdoc/>
    public sealed override bool Trains => true;
}
