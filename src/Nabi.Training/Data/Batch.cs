namespace Nabi.Training.Data;

/// <summary>Some samples side by side. It is valid until the next batch is asked for: its memory is used again.</summary>
public sealed class Batch
{
    internal Batch(int size, Shape sampleShape, int classes)
    {
        Inputs = Tensor.Zeros(DType.Float32, Shape.Create([size, .. sampleShape.Dims]));
        Targets = Tensor.Zeros(DType.Float32, [size, classes]);
        Labels = new int[size];
        Indices = new int[size];
    }

    /// <summary>Which batch of the epoch it is, from 0.</summary>
    public int Step { get; internal set; }

    /// <summary>Samples that count; the rest only fills a last batch up.</summary>
    public int Count { get; internal set; }

    /// <summary>Normalized values, float32 [N, ...].</summary>
    public Tensor Inputs { get; }

    /// <summary>The share of each class, float32 [N, classes]: one-hot, or mixed by <see cref="Augmentations.Mixup"/>.</summary>
    public Tensor Targets { get; }

    /// <summary>The class of each sample; with mixup, of the sample with the larger share.</summary>
    public int[] Labels { get; }

    /// <summary>Which sample of the data set each is; with mixup, the one with the larger share.</summary>
    public int[] Indices { get; }
}
