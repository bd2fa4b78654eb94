using Nabi.Training;

namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>
/// A method of computing on few levels while a network is trained: it writes the quantized form of a weight or of an activation as graph nodes, with
/// learned parameters of its own where the paper has them. A quantizer is a sealed record with a parameterless constructor in one file; recipes find it by
/// its type's name in lower case with hyphens.
/// </summary>
/// <remarks>
/// The trained network is stored as integers because every quantized value is, at its end, the one node of <see cref="QuantizerSite.Round"/>, alone or as the
/// value of a <see cref="Ops.StraightThrough"/>: what only parameters decide becomes constants, a weight its integers and their scale, an
/// activation QuantizeLinear and DequantizeLinear. What ends in anything else is deployed as the floats it computes.
/// </remarks>
public abstract record Quantizer
{
    /// <summary>The name in recipes.</summary>
    public string Name => Named.KebabCase(GetType().Name);

    private static readonly int[] TwoToEight = [2, 3, 4, 5, 6, 7, 8];

    /// <summary>The numbers of bits that a weight can have. Default 2 to 8.</summary>
    public virtual IReadOnlyCollection<int> WeightBits => TwoToEight;

    /// <summary>Can activations be negative? When not, those that are take <see cref="Lsq"/> in its place.</summary>
    public virtual bool TakesNegative => true;

    /// <summary>Adds the quantized form of a weight, of the weight's shape.</summary>
    public abstract Value Weight(QuantizerSite site);

    /// <summary>Adds the quantized form of an activation, of the activation's shape.</summary>
    public abstract Value Activation(QuantizerSite site);

    /// <summary>The term that the method adds to the loss; null, as by default, when there is none.</summary>
    /// <param name="learned">Names of the learned parameters it made.</param>
    /// <param name="decay">The weight decay of the training.</param>
    public virtual Penalty? Penalty(ValueArray<string> learned, double decay) => null;

    /// <summary>A new quantizer by name.</summary>
    /// <exception cref="NabiException">There is none of that name.</exception>
    public static Quantizer Create(string name) => Named<Quantizer>.Create(name, "quantizer");

    /// <summary>The names of all quantizers.</summary>
    public static IEnumerable<string> Names => Named<Quantizer>.Names;
}
