namespace Nabi.Formats;

/// <summary>The order of the axes of a tensor with four dimensions; others have only one.</summary>
internal enum ImageLayout
{
    /// <summary>As the file has it: [N, H, W, C] for images.</summary>
    Filed,

    /// <summary>[N, C, H, W].</summary>
    ChannelsFirst,
}

/// <summary>
/// One tensor of the file in the graph: in either layout, as the integers that are stored and as the real numbers they stand for, each made when it is first
/// asked for. Tensors that are not quantized have one form only.
/// </summary>
internal sealed class TfLiteValue(TfLiteTensor tensor)
{
    private readonly Value?[] _stored = new Value?[2];
    private readonly Value?[] _real = new Value?[2];

    /// <summary>The tensor.</summary>
    public TfLiteTensor Tensor { get; } = tensor;

    /// <summary>The elements of a constant, as filed, else null.</summary>
    public Tensor? Data { get; set; } = tensor.Data;

    /// <summary>The constant that this one is made of by DEQUANTIZE: weights stored in fewer bits; null for others.</summary>
    public TfLiteValue? Weights { get; set; }

    /// <summary>What this one pads with zeros, and the rows and columns added (top, left, bottom, right); null for others.</summary>
    public (TfLiteValue Image, int[] Pads)? Padding { get; set; }

    /// <summary>The images whose pixels lie here in one row each, and their height, width and channels; null for others.</summary>
    public (TfLiteValue Image, int Height, int Width, int Channels)? Flattened { get; set; }

    /// <summary>Is it an input, a constant, or made by an operator that was already seen?</summary>
    public bool IsDefined => Data is not null || Weights is not null || Array.Exists(_stored, v => v is not null) || Array.Exists(_real, v => v is not null);

    /// <summary>Has it a value with channels first?</summary>
    public bool HasChannelsFirst => _stored[(int)ImageLayout.ChannelsFirst] is not null || _real[(int)ImageLayout.ChannelsFirst] is not null;

    /// <summary>The stored numbers.</summary>
    public ref Value? Stored(ImageLayout layout) => ref _stored[(int)layout];

    /// <summary>The real numbers.</summary>
    public ref Value? Real(ImageLayout layout) => ref _real[(int)layout];

    /// <summary>Its shape as filed, as far as the graph knows it.</summary>
    public Shape Shape
    {
        get
        {
            if ((_stored[0] ?? _real[0]) is { } filed) return filed.Shape;
            if ((_stored[1] ?? _real[1]) is not { Shape: { IsRanked: true } s }) return Data?.Shape ?? Tensor.Shape;
            return Shape.Create([s[0], s[2], s[3], s[1]]);
        }
    }
}
