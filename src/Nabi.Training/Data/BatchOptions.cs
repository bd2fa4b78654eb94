using Nabi.Training.Data.Augmentations;

namespace Nabi.Training.Data;

/// <summary>How samples become batches.</summary>
public sealed record BatchOptions
{
    /// <summary>Samples in a batch. Default 64. Range 1 to 65536.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Put the samples in another random order every epoch? Default true.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Leave out the last batch when it is not full? Otherwise its last sample fills it up. Default true.</summary>
    public bool DropLast { get; init; } = true;

    /// <summary>Seed of order and augmentation. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>What is done to the values; null computes mean and deviation of the data set.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>Random changes of each image, in order. Default none.</summary>
    public ValueArray<Augmentation> Augmentations { get; init; } = [];

    /// <summary>Convex combinations of pairs. Default none.</summary>
    public Mixup? Mixup { get; init; }

    /// <summary>Shape of one sample in the batch, when it is another than the data set's: flattened, or channels last.</summary>
    public Shape? SampleShape { get; init; }

    /// <summary>Reorder images to channels last? Default false.</summary>
    public bool ChannelsLast { get; init; }
}
