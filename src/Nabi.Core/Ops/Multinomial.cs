using System.Numerics.Tensors;

namespace Nabi.Ops;

/// <summary>
/// ONNX <c>Multinomial</c>: draws classes. The input [N, C] holds the logarithm of each class's weight, which need not be normalised;
/// the output [N, <see cref="SampleSize"/>] holds class indices.
/// </summary>
public sealed record Multinomial : RandomOp
{
    /// <summary>Element type of the output: <see cref="DType.Int32"/> (the default) or <see cref="DType.Int64"/>.</summary>
    public DType Dtype { get; init; } = DType.Int32;

    /// <summary>Draws per row, at least 1. Default 1.</summary>
    public int SampleSize { get; init; } = 1;

    /// <inheritdoc/>
    public override Outputs<TensorType> Infer(InferContext x)
    {
        if (Dtype is not (DType.Int32 or DType.Int64)) throw x.Fail($"dtype is {Dtype}, but must be Int32 or Int64");
        return new TensorType(Dtype, [x.RequireRank(0, 2, 2)[0], SampleSize]);
    }

    /// <inheritdoc/>
    public override DType UnrankedType(int index, InferContext x) => Dtype;

    /// <inheritdoc/>
    public override Outputs<Tensor> Evaluate(EvalContext x)
    {
        var (rng, data) = (Source(x), x.Input(0).Cast(DType.Float64));
        var classes = data.Shape[1];
        var result = Tensor.Empty(DType.Int64, [data.Shape[0], SampleSize]);
        if (classes == 0 && result.Count > 0) throw new NabiException("its input has no classes to draw from");
        var upTo = new double[classes];
        for (var row = 0; row < data.Shape[0]; row++)
        {
            var logs = data.Span<double>().Slice(row * classes, classes);
            var (shift, sum) = (TensorPrimitives.Max<double>(logs), 0.0);
            for (var c = 0; c < classes; c++) upTo[c] = sum += Math.Exp(logs[c] - shift);
            for (var i = 0; i < SampleSize; i++) result.Span<long>()[row * SampleSize + i] = Find(upTo, rng.NextDouble() * sum);
        }
        return result.Cast(Dtype);
    }

    // The first class whose accumulated weight passes the number.
    private static int Find(double[] upTo, double number)
    {
        var c = 0;
        while (c < upTo.Length - 1 && upTo[c] <= number) c++;
        return c;
    }
}
