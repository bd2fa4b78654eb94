namespace Nabi;

/// <summary>One axis of one value: where channels live.</summary>
/// <param name="Value">The value.</param>
/// <param name="Axis">The axis, in [0, rank).</param>
public readonly record struct ValueAxis(Value Value, int Axis)
{
    /// <summary>Elements along the axis, <see cref="Shape.Unknown"/> when not known.</summary>
    public int Size => Value.Shape.IsRanked ? Value.Shape[Axis] : Shape.Unknown;

    /// <inheritdoc/>
    public override string ToString() => $"{Value.Name}[{Axis}]";
}
