namespace Nabi.Ops;

/// <summary>ONNX <c>Transpose</c>: output axis i is input axis <c>Perm[i]</c>; an empty <see cref="Perm"/> reverses the axes.</summary>
public sealed record Transpose : Op
{
    /// <summary>The permutation; empty reverses the axes.</summary>
    public ValueArray<int> Perm { get; init; } = [];

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var (dtype, shape) = x.Input(0);
        return new TensorType(dtype, Permuted(shape, Permutation(shape.Rank)));
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var perm = Permutation(data.Shape.Rank);
        var result = Tensor.Empty(data.DType, Permuted(data.Shape, perm));
        var strides = data.Shape.Strides();
        var size = data.DType.Bits() / 8;
        var index = new int[perm.Length];
        for (int n = 0, offset = 0; n < result.Count; n++)
        {
            data.Bytes.Slice(offset * size, size).CopyTo(result.Bytes.Slice(n * size, size));
            for (var axis = perm.Length - 1; axis >= 0; axis--)
            {
                offset += strides[perm[axis]];
                if (++index[axis] < result.Shape[axis]) break;
                offset -= strides[perm[axis]] * index[axis];
                index[axis] = 0;
            }
        }
        return result;
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Elementwise(0);

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var perm = Permutation(g.Input(0).Shape.Rank);
        var inverse = new int[perm.Length];
        for (var i = 0; i < perm.Length; i++) inverse[perm[i]] = i;
        return [g.Builder.Transpose(g.Grad, inverse)];
    }

    /// <inheritdoc/>
    public override void Couple(CouplingContext c)
    {
        if (!c.Input(0).Shape.IsRanked) return;
        var perm = Permutation(c.Input(0).Shape.Rank);
        for (var i = 0; i < perm.Length; i++) c.Tie(c.Input(0), perm[i], c.Output(), i);
    }

    /// <summary>The permutation for a rank, with the default filled in.</summary>
    /// <exception cref="NabiException">It does not permute that many axes.</exception>
    public int[] Permutation(int rank)
    {
        if (Perm.IsEmpty) return [.. Enumerable.Range(0, rank).Reverse()];
        var seen = new bool[rank];
        foreach (var axis in Perm.Span)
        {
            if (Perm.Count != rank || axis < 0 || axis >= rank || seen[axis])
                throw new NabiException($"perm {Perm} does not permute the axes of a tensor of rank {rank}");
            seen[axis] = true;
        }
        return Perm.ToArray();
    }

    private static Shape Permuted(Shape shape, int[] perm) => Shape.Create(Array.ConvertAll(perm, axis => shape[axis]));
}
