using System.Numerics;

namespace Nabi.Ops;

/// <summary>ONNX <c>Range</c>: start, start + delta, ... up to before the limit; the three inputs are scalars of one type.</summary>
public sealed record Range : Op
{
    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        var dtype = x.Input(0).DType;
        if (x.Input(1).DType != dtype || x.Input(2).DType != dtype) throw x.Fail("start, limit and delta must be of one type");
        return new TensorType(dtype, [x.Constant(0) is { } start && x.Constant(1) is { } limit && x.Constant(2) is { } delta
            ? Count(start, limit, delta) : Shape.Unknown]);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (start, limit, delta) = (x.Input(0), x.Input(1), x.Input(2));
        var result = Tensor.Empty(start.DType, [Count(start, limit, delta)]);
        Numeric.Dispatch<Fill, bool>(start.DType, new Fill(result, start, delta));
        return result;
    }

    private static int Count(Tensor start, Tensor limit, Tensor delta)
    {
        if (delta.Item() == 0) throw new NabiException("a delta of 0 never reaches the limit");
        var count = Math.Max(0, Math.Ceiling((limit.Item() - start.Item()) / delta.Item()));
        return count <= int.MaxValue ? (int)count : throw new NabiException($"a range of {count} numbers is not supported");
    }

    private readonly record struct Fill(Tensor Result, Tensor Start, Tensor Delta) : INumericVisitor<bool>
    {
        public bool Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var (start, delta) = (Start.Span<T>()[0], Delta.Span<T>()[0]);
            var numbers = Result.Span<T>();
            for (var i = 0; i < numbers.Length; i++) numbers[i] = start + T.CreateTruncating(i) * delta;
            return true;
        }
    }
}
