using Nabi.Ops;

namespace Nabi.Compression.Diagnosis;

/// <summary>How a value was rounded on its way to a layer.</summary>
/// <param name="Least">The smallest integer.</param>
/// <param name="Most">The largest integer.</param>
/// <param name="Unit">The scale.</param>
/// <param name="Zero">The zero point.</param>
internal sealed record InputRounding(int Least, int Most, float Unit, int Zero)
{
    /// <summary>The smallest value that can be held.</summary>
    public double Low => (Least - Zero) * (double)Unit;

    /// <summary>The largest value that can be held.</summary>
    public double High => (Most - Zero) * (double)Unit;

    /// <summary>Bits of an integer.</summary>
    public int Bits => (int)Math.Ceiling(Math.Log2((double)Most - Least + 1));

    /// <summary>Rounds a value in this way.</summary>
    public Value Apply(GraphBuilder builder, Value value) => builder.Apply(new FakeQuantize { QMin = Least, QMax = Most }, value,
        builder.Constant(Tensor.Scalar(Unit)), builder.Constant(Tensor.Scalar(Zero)));

    /// <summary>The rounding behind a value, also through nodes that only move it; null when there is none.</summary>
    public static InputRounding? Behind(Value value) => value.Producer switch
    {
        { Op: DequantizeLinear, Inputs: [{ Producer.Op: QuantizeLinear } stored, { Data: { } scale }, ..] } node => Of(stored.DType, scale, node.Inputs.Count > 2 ? node.Inputs[2]?.Data : null),
        { Op: FakeQuantize fake, Inputs: [_, { Data: { } scale }, ..] } node => Of(fake.QMin, fake.QMax, scale, node.Inputs.Count > 2 ? node.Inputs[2]?.Data : null),
        { } node when IsMove(node) => Behind(node.Inputs[0]!),
        _ => null,
    };

    /// <summary>The value without that rounding, in a graph under construction.</summary>
    public static Value Without(Value value, Rewriter rewriter) => value.Producer switch
    {
        { Op: DequantizeLinear, Inputs: [{ Producer: { Op: QuantizeLinear } quantize }, ..] } => Without(quantize.Inputs[0]!, rewriter),
        { Op: FakeQuantize } fake => Without(fake.Inputs[0]!, rewriter),
        { } node when IsMove(node) && Behind(node.Inputs[0]!) is not null => rewriter.Builder.ApplyAll(node.Op, node.Outputs.Count,
            [Without(node.Inputs[0]!, rewriter), .. node.Inputs.Skip(1).Select(rewriter.Map)])[value.Index],
        _ => rewriter[value],
    };

    // What gives back some of its first input's values, and nothing else.
    private static bool IsMove(Node node) => node.Op is MaxPool or GlobalMaxPool or Reshape or Flatten or Squeeze or Unsqueeze or Transpose or Slice or Identity;

    private static InputRounding Of(DType stored, Tensor scale, Tensor? zero)
    {
        var (bits, isSigned) = (stored.Bits(), stored is DType.Int4 or DType.Int8 or DType.Int16);
        return isSigned ? Of(-(1 << (bits - 1)), (1 << (bits - 1)) - 1, scale, zero) : Of(0, (1 << bits) - 1, scale, zero);
    }

    private static InputRounding Of(int low, int high, Tensor scale, Tensor? zero) =>
        new(low, high, scale.ToSingle().Max(), (int)(zero?.ToInt64()[0] ?? 0));
}
