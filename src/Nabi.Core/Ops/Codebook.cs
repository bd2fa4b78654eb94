using System.Runtime.InteropServices;

namespace Nabi.Ops;

/// <summary>
/// Weights that share a few values: y[i] = centroids[indices[i]] (Han et al. 2016, "Deep Compression", section 3). Inputs: UInt8 indices of any shape, which the
/// output takes, and the centroids [K], floats, K at most 256. With <see cref="HasZero"/> index 0 is exactly 0 and index i is centroid i - 1, K at most 255, so that
/// pruned weights stay zero while the centroids learn. The gradient of a centroid is the sum over its cluster (section 3.3, equation 3). An index beyond the
/// centroids reads 0.
/// </summary>
public sealed record Codebook : Op
{
    /// <summary>Entries a table of all indices has.</summary>
    public const int Entries = 256;

    /// <summary>Does index 0 stand for weights that are zero and stay so? Default false.</summary>
    public bool HasZero { get; init; }

    /// <inheritdoc/>
    public override string Domain => NabiDomain;

    /// <inheritdoc/>
    public override bool IsDecoding => true;

    /// <summary>Most centroids there can be.</summary>
    public static int MostCentroids(bool hasZero) => Entries - (hasZero ? 1 : 0);

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (x.Input(0).DType != DType.UInt8) throw x.Fail($"its indices are {x.Input(0).DType} but must be UInt8");
        if (!x.Input(1).DType.IsFloat()) throw x.Fail($"its centroids are {x.Input(1).DType} but must be floats");
        var count = x.RequireRank(1, 1, 1)[0];
        return count >= 1 && count <= MostCentroids(HasZero)
            ? new TensorType(x.Input(1).DType, x.Shape(0))
            : throw x.Fail($"it has {count} centroids; 1 to {MostCentroids(HasZero)} are possible");
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => x.Input(1).DType;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var indices = x.Span<byte>(0);
        var centroids = x.Input(1);
        var table = Tensor.Zeros(centroids.DType, [Entries]);
        centroids.Bytes.CopyTo(table.Bytes[((HasZero ? 1 : 0) * centroids.DType.Bits() / 8)..]);
        var result = Tensor.Empty(centroids.DType, x.Input(0).Shape);
        switch (centroids.DType.Bits())
        {
            case 16: Look<ushort>(table, indices, result); break;
            case 32: Look<uint>(table, indices, result); break;
            default: Look<ulong>(table, indices, result); break;
        }
        return result;
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => x.Free;

    /// <inheritdoc/>
    public override void Couple(CouplingContext c) => c.TieAll(c.Input(0), c.Output());

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
        [null, g.Builder.Apply(new CodebookGradient { Centroids = g.Input(1).Shape.Count, HasZero = HasZero }, g.Input(0), g.Grad)];

    /// <inheritdoc/>
    public override IReadOnlyList<Value>? AsStandard(Node node, Rewriter r)
    {
        var (b, centroids) = (r.Builder, r[node.Inputs[1]!]);
        if (HasZero) centroids = b.Apply(new Concat(0), b.Constant(Tensor.Zeros(centroids.DType, [1]), $"{node.Name}.zero"), centroids);
        return b.ApplyNamed(new Gather(), node.Name, 1, [centroids, b.Cast(r[node.Inputs[0]!], DType.Int32)], [node.Output.Name]);
    }

    private static void Look<T>(Tensor table, ReadOnlySpan<byte> indices, Tensor result) where T : unmanaged
    {
        Span<T> values = MemoryMarshal.Cast<byte, T>(table.Bytes), into = MemoryMarshal.Cast<byte, T>(result.Bytes);
        for (var i = 0; i < into.Length; i++) into[i] = values[indices[i]];
    }
}
