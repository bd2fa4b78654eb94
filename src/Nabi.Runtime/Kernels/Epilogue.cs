namespace Nabi.Runtime.Kernels;

/// <summary>What a matrix or convolution kernel does to its result before the last store: activation(sum + bias + residual).</summary>
public readonly unsafe struct Epilogue
{
    /// <summary>One value per output column (channel), or null.</summary>
    public float* Bias { get; init; }

    /// <summary>A matrix of the shape of the result that is added before the activation, or null. Must not overlap the result, which is written
    /// before it is read; what the result itself holds is added by <see cref="Accumulate"/>.</summary>
    public float* Residual { get; init; }

    /// <summary>Floats from one row of <see cref="Residual"/> to the next; for convolutions the channels of a pixel.</summary>
    public long ResidualStride { get; init; }

    /// <summary>Whether the result's old content is added (beta = 1) or overwritten (beta = 0).</summary>
    public bool Accumulate { get; init; }

    /// <summary>Applied last.</summary>
    public Unary Activation { get; init; }
}
