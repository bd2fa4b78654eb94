using System.Numerics;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>CumSum</c>: running sums along the axis given as the second input, one number. Floats accumulate in double precision,
/// integers in 64 bits.
/// </summary>
public sealed record CumSum : Op
{
    /// <summary>Leave each element out of its own sum? The first output of a line is then 0. Default false.</summary>
    public bool Exclusive { get; init; }

    /// <summary>Sum from the end? Default false.</summary>
    public bool Reverse { get; init; }

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (x.Integers(1) is { } axis)
            x.Shape(0).Axis(axis is [var only] ? only : throw x.Fail($"its axis has {axis.Length} elements, but must be one number"));
        return x.Input(0);
    }

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var data = x.Input(0);
        var lines = Lines.Of(data.Shape, x.Integers(1) is [var axis] ? axis : throw new NabiException("its axis must be one number"));
        var wide = data.Cast(data.DType.IsFloat() ? DType.Float64 : DType.Int64);
        return Numeric.Dispatch<Visitor, Tensor>(wide.DType, new Visitor(wide, lines, Exclusive, Reverse)).Cast(data.DType);
    }

    /// <inheritdoc/>
    public override bool IsDifferentiable => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Value?> Gradient(GradientContext g) =>
        [g.Builder.Apply(this with { Reverse = !Reverse }, g.Grad, g.Input(1)), null];

    private readonly record struct Visitor(Tensor X, Lines Lines, bool Exclusive, bool Reverse) : INumericVisitor<Tensor>
    {
        public Tensor Visit<T>() where T : unmanaged, INumber<T>, IMinMaxValue<T>
        {
            var result = Tensor.Empty(X.DType, X.Shape);
            var line = new T[Lines.Length];
            for (var i = 0; i < Lines.Count; i++)
            {
                Lines.Read(i, (ReadOnlySpan<T>)X.Span<T>(), line);
                if (Reverse) Array.Reverse(line);
                var sum = T.Zero;
                foreach (ref var x in line.AsSpan())
                {
                    var next = sum + x;
                    x = Exclusive ? sum : next;
                    sum = next;
                }
                if (Reverse) Array.Reverse(line);
                Lines.Write(i, line, result.Span<T>());
            }
            return result;
        }
    }
}
