namespace Nabi.Ops;

/// <summary>
/// The gradient of <see cref="Codebook"/> with respect to its centroids: dC[k] is the sum of dW[i] over all i with indices[i] = k (Han et al. 2016, "Deep Compression",
/// section 3.3, equation 3). Inputs: UInt8 indices, the incoming gradient dW of their shape. Output: dC [<see cref="Centroids"/>].
/// </summary>
public sealed record CodebookGradient : Op
{
    /// <summary>Number of centroids, 1 to 256.</summary>
    public int Centroids { get; init; } = 1;

    /// <summary>Does index 0 stand for weights that are zero, and index i for centroid i - 1? Default false.</summary>
    public bool HasZero { get; init; }

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (Centroids < 1 || Centroids > Codebook.MostCentroids(HasZero)) throw x.Fail($"it has {Centroids} centroids; 1 to {Codebook.MostCentroids(HasZero)} are possible");
        if (x.Input(0).DType != DType.UInt8) throw x.Fail($"its indices are {x.Input(0).DType} but must be UInt8");
        return x.Shape(0).Accepts(x.Shape(1)) ? new TensorType(x.Input(1).DType, [Centroids]) : throw x.Fail($"the gradient is {x.Shape(1)} where the indices are {x.Shape(0)}");
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => x.Input(1).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var indices = x.Span<byte>(0);
        var grad = x.Input(1).Cast(DType.Float64).Span<double>();
        var sums = new double[Codebook.Entries];
        for (var i = 0; i < grad.Length; i++) sums[indices[i]] += grad[i];
        return Tensor.Of<double>([Centroids], sums.AsSpan(HasZero ? 1 : 0, Centroids)).Cast(x.Input(1).DType);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) => [null, g.Builder.Apply(new Codebook { HasZero = HasZero }, g.Input(0), g.Grad)];
}
