using Nabi.Ops;

namespace Nabi;

/// <summary>
/// Which activations are zero wherever the trainable parameters that make a channel are zero. Only then may the channel be summed over without a
/// weight that could be cut with it: the product of queries and keys over their features is exact without a feature, a sum of exponentials is not.
/// </summary>
internal static class ZeroChannels
{
    /// <summary>Is it zero in every channel whose parameters are masked (<see cref="ChannelPruning.Mask"/>)? False when that is not known.</summary>
    public static bool Holds(Value value)
    {
        if (value.Producer is not { } node) return false;
        return node.Op switch
        {
            MatMul or Gemm or Conv or ConvTranspose => IsMasked(node.Inputs[1]!) && node.Inputs.Skip(2).All(v => v is null || IsMasked(v)),
            BatchNormalization => IsMasked(node.Inputs[1]!) && IsMasked(node.Inputs[2]!),
            Reshape or Transpose or Squeeze or Unsqueeze or Flatten or Slice or Identity or StraightThrough or GradientRounding or Dropout or Relu or Neg => Holds(node.Inputs[0]!),
            Mul => node.Inputs.Any(v => Holds(v!)),
            Div => Holds(node.Inputs[0]!),
            Add => IsBiased(node.Inputs[0]!, node.Inputs[1]!) || IsBiased(node.Inputs[1]!, node.Inputs[0]!) || node.Inputs.All(v => Holds(v!)),
            Sub or Concat => node.Inputs.All(v => Holds(v!)),
            _ => false,
        };
    }

    // A dense layer and its bias, one number per feature.
    private static bool IsBiased(Value product, Value bias) =>
        product.Producer?.Op is MatMul && Holds(product) && IsMasked(bias) && bias.Shape[-1] > 1 && bias.Shape[-1] == product.Shape[-1];

    private static bool IsMasked(Value parameter) => parameter is { IsTrainable: true, Shape: { IsRanked: true, Rank: > 0 } };
}
