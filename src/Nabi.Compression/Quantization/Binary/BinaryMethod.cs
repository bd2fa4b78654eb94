using Nabi.Ops;

namespace Nabi.Compression.Quantization.Binary;

/// <summary>
/// A method of training weights of one or two values, and activations with them: it writes the binary form of a weight and of an activation as graph nodes, whose gradients
/// straight-through estimators (<see cref="StraightThrough"/>) lead to the real weights, and says what integers and scales are stored in the end. A method is a sealed
/// record with a parameterless constructor in one file; recipes find it by its type's name in lower case with hyphens.
/// </summary>
public abstract record BinaryMethod
{
    /// <summary>The name in recipes.</summary>
    public string Name => Named.KebabCase(GetType().Name);

    /// <summary>Are real weights kept within [-1, 1]? Default false.</summary>
    public virtual bool LimitsWeights => false;

    /// <summary>Have the weights no scale, so that what a layer makes wants a batch normalization of its own? Default false.</summary>
    public virtual bool NormalizesOutputs => false;

    /// <summary>Are activations binary or ternary too? Then inputs of layers are normalized before (the order of Rastegari et al. 2016, figure 3). Default true.</summary>
    public virtual bool HasActivations => true;

    /// <summary>Does what is stored differ from what was trained with, so that running statistics are to be measured anew? Default false.</summary>
    public virtual bool IsRandom => false;

    /// <summary>The real weight that training starts from. Default the network's own.</summary>
    public virtual Tensor Start(Tensor weight) => weight;

    /// <summary>Adds the binary form of a weight, of the weight's shape.</summary>
    /// <param name="b">Where nodes are added.</param>
    /// <param name="weight">The real weight.</param>
    /// <param name="outputAxis">The axis of its filters.</param>
    public abstract Value Weight(GraphBuilder b, Value weight, int outputAxis);

    /// <summary>Adds the binary form of an activation, of the activation's shape: the sign, whose gradient is that of a hard tanh (Hubara et al. 2016, equation 4).</summary>
    /// <param name="b">Where nodes are added.</param>
    /// <param name="x">The activation, normalized.</param>
    public virtual Value Activation(GraphBuilder b, Value x) => b.StraightThrough(b.Apply(new Binarize(), x), b.Clip(x, -1, 1));

    /// <summary>What is stored of a trained weight.</summary>
    /// <param name="weight">The real weight.</param>
    /// <param name="outputAxis">The axis of its filters.</param>
    public abstract BinaryWeight Store(Tensor weight, int outputAxis);

    /// <summary>A new method by name.</summary>
    /// <exception cref="NabiException">There is none of that name.</exception>
    public static BinaryMethod Create(string name) => Named<BinaryMethod>.Create(name, "binary method");

    /// <summary>The names of all methods.</summary>
    public static IEnumerable<string> Names => Named<BinaryMethod>.Names;
}

/// <summary>A stored weight: numbers -1, 0 and 1 of its shape, and the scale of each filter, above 0.</summary>
/// <param name="Numbers">Int8.</param>
/// <param name="Scales">One per filter.</param>
public sealed record BinaryWeight(Tensor Numbers, float[] Scales)
{
    /// <summary>The signs of a weight, scaled by the mean magnitude of each filter or by 1.</summary>
    internal static BinaryWeight Signs(Tensor weight, int outputAxis, bool isScaled)
    {
        var values = weight.ToSingle();
        var (filters, inner) = (weight.Shape[outputAxis], weight.Shape.CountOf(outputAxis + 1, weight.Shape.Rank));
        var (numbers, sums) = (Tensor.Empty(DType.Int8, weight.Shape), new double[filters]);
        for (var i = 0; i < values.Length; i++)
        {
            numbers.Span<sbyte>()[i] = (sbyte)(values[i] >= 0 ? 1 : -1);
            sums[i / inner % filters] += Math.Abs(values[i]);
        }
        return new BinaryWeight(numbers, Array.ConvertAll(sums, s => isScaled ? Positive(s * filters / values.Length) : 1f));
    }

    /// <summary>A scale that kernels and formats take: of a filter of zeros the smallest.</summary>
    internal static float Positive(double scale) => Math.Max((float)scale, 1e-30f);
}
