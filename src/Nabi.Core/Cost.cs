namespace Nabi;

/// <summary>
/// What one run of a node takes. FLOPs are 2 x <see cref="Macs"/>, as the field counts them.
/// </summary>
/// <param name="Macs">Multiply-accumulates of convolutions, matrix products and recurrent cells.</param>
/// <param name="Operations">Other arithmetic operations: one per output element of an elementwise operator.</param>
/// <param name="BytesRead">Bytes of activations and parameters read once each.</param>
/// <param name="BytesWritten">Bytes written.</param>
public readonly record struct Cost(long Macs = 0, long Operations = 0, long BytesRead = 0, long BytesWritten = 0)
{
    /// <summary>Both together.</summary>
    public static Cost operator +(Cost left, Cost right) => new(
        left.Macs + right.Macs, left.Operations + right.Operations, left.BytesRead + right.BytesRead, left.BytesWritten + right.BytesWritten);
}
