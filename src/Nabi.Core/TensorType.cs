namespace Nabi;

/// <summary>What is known of a value before it exists: element type and shape.</summary>
public sealed record TensorType(DType DType, Shape Shape)
{
    /// <summary>A value of which only the element type is known.</summary>
    public static TensorType Unranked(DType type) => new(type, Shape.Unranked);

    /// <summary>Bytes of a value of this type. The shape must be known.</summary>
    public long Bytes => DType.Bytes(Shape.Count);

    /// <inheritdoc/>
    public override string ToString() => $"{DType}{Shape}";
}
