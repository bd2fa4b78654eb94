namespace Nabi;

/// <summary>What an operator may ask while its cost is counted. Shapes must be known.</summary>
public sealed class CostContext(Node node)
{
    /// <summary>Shape of an input; <see cref="Nabi.Shape.Scalar"/> when absent.</summary>
    public Shape Input(int index) => index < node.Inputs.Count && node.Inputs[index] is { } value ? value.Type.Shape : Shape.Scalar;

    /// <summary>Shape of an output.</summary>
    public Shape Output(int index = 0) => node.Outputs[index].Type.Shape;

    /// <summary>Is an input there?</summary>
    public bool Has(int index) => index < node.Inputs.Count && node.Inputs[index] is not null;

    /// <summary>Bytes of all inputs, each read once.</summary>
    public long BytesRead => node.Inputs.Sum(v => v?.Type.Bytes ?? 0);

    /// <summary>Bytes of all outputs.</summary>
    public long BytesWritten => node.Outputs.Sum(v => v.Type.Bytes);

    /// <summary>The given multiply-accumulates, and the bytes of inputs and outputs.</summary>
    public Cost OfMacs(long macs) => new(macs, 0, BytesRead, BytesWritten);

    /// <summary><paramref name="perElement"/> operations per element of the first output, and the bytes of inputs and outputs.</summary>
    public Cost Elementwise(long perElement = 1) => new(0, perElement * Output().Count, BytesRead, BytesWritten);

    /// <summary>No arithmetic, no memory traffic: the output is a view of the input.</summary>
    public Cost Free => default;
}
