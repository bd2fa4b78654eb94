using System.Numerics;
using System.Runtime.InteropServices;

namespace Nabi.Ops;

/// <summary>
/// A copy of the data (input 0) in which the places that the indices (input 1) name take the updates (input 2). With a
/// <see cref="Reduction"/> an update is combined with what is there, which is defined for repeated places too.
/// </summary>
public abstract record ScatterOp : Op
{
    /// <summary><c>none</c> replaces (the last of repeated places wins); <c>add</c>, <c>mul</c>, <c>min</c>, <c>max</c> combine. Default <c>none</c>.</summary>
    public string Reduction { get; init; } = "none";

    /// <summary>For every update, in order, the offset of its place in the data.</summary>
    internal abstract int[] Places(Shape data, Tensor indices);

    /// <summary>The values at the places, of the shape of the updates: the opposite movement.</summary>
    internal abstract MovingOp Opposite { get; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (Reduction is not ("none" or "add" or "mul" or "min" or "max"))
            throw x.Fail($"reduction '{Reduction}' is not one of none, add, mul, min, max");
        if (x.Input(0).DType != x.Input(2).DType) throw x.Fail($"data and updates are {x.Input(0).DType} and {x.Input(2).DType}, which must be equal");
        return x.Input(0);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (data, updates) = (x.Input(0), x.Input(2));
        var places = Places(data.Shape, x.Input(1));
        if (places.Length != updates.Count) throw new NabiException($"the indices name {places.Length} places, but there are {updates.Count} updates");
        return data.DType switch
        {
            DType.Int4 => Scatter(data.Cast(DType.Int8), updates.Cast(DType.Int8), places).Cast(DType.Int4),
            DType.BFloat16 when Reduction != "none" => Scatter(data.Cast(DType.Float32), updates.Cast(DType.Float32), places).Cast(DType.BFloat16),
            _ => Scatter(data, updates, places),
        };
    }

    /// <inheritdoc/>
    public override Cost CostOf(CostContext x) => new(0, Reduction == "none" ? 0 : x.Input(2).Count, x.BytesRead, x.BytesWritten);

    /// <inheritdoc/>
    public override bool IsDifferentiable => Reduction is "none" or "add";

    /// <inheritdoc/>
    /// <remarks>With <c>none</c> the places must differ from each other: which of two updates survives is not differentiated.</remarks>
    public override IReadOnlyList<Value?> Gradient(GradientContext g)
    {
        var b = g.Builder;
        var kept = Reduction == "add" ? g.Grad : b.Apply(this, g.Grad, g.Input(1), b.ZerosLike(g.Input(2)));
        return [kept, null, b.Apply(Opposite, g.Grad, g.Input(1))];
    }

    private Tensor Scatter(Tensor data, Tensor updates, int[] places)
    {
        var result = data.Copy();
        if (Reduction != "none")
        {
            Numeric.Dispatch<Combine, bool>(data.DType, new Combine(Reduction, result, updates, places));
            return result;
        }
        var size = data.DType.Bits() / 8;
        for (var i = 0; i < places.Length; i++) updates.Bytes.Slice(i * size, size).CopyTo(result.Bytes[(places[i] * size)..]);
        return result;
    }

    private readonly record struct Combine(string Reduction, Tensor Data, Tensor Updates, int[] Places) : INumericVisitor<bool>
    {
        public bool Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var data = MemoryMarshal.Cast<byte, T>(Data.Bytes);
            var updates = MemoryMarshal.Cast<byte, T>(Updates.Bytes);
            for (var i = 0; i < Places.Length; i++)
            {
                ref var at = ref data[Places[i]];
                at = Reduction switch
                {
                    "add" => at + updates[i],
                    "mul" => at * updates[i],
                    "min" => T.Min(at, updates[i]),
                    _ => T.Max(at, updates[i]),
                };
            }
            return true;
        }
    }
}
