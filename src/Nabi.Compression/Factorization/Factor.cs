namespace Nabi.Compression.Factorization;

/// <summary>One of the layers that take a layer's place.</summary>
/// <param name="Weight">[Outputs, Inputs / Groups, Height, Width], row-major.</param>
/// <param name="Outputs">Channels it writes.</param>
/// <param name="Inputs">Channels it reads.</param>
/// <param name="Height">Vertical taps.</param>
/// <param name="Width">Horizontal taps.</param>
internal sealed record Factor(double[] Weight, int Outputs, int Inputs, int Height = 1, int Width = 1)
{
    /// <summary>Groups of channels.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>Does it move down the image by the layer's vertical stride, padding and dilation?</summary>
    public bool IsVertical { get; init; }

    /// <summary>Does it move across the image by the layer's horizontal ones?</summary>
    public bool IsHorizontal { get; init; }

    /// <summary>Weights.</summary>
    public long Count => Weight.LongLength;
}
