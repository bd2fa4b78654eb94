using Nabi.Training;

namespace Nabi.Compression.Quantization.Quantizers;

/// <summary>Half the strength times the squares of clipping levels: the decay of weights for them (Choi et al. 2018, section 3).</summary>
/// <param name="Names">The parameters concerned.</param>
/// <param name="Strength">The factor lambda.</param>
internal sealed record ClipDecay(ValueArray<string> Names, double Strength) : Penalty
{
    /// <inheritdoc/>
    public override Value? Build(GraphBuilder builder, Value parameter, Value original) =>
        Names.Contains(original.Name) ? builder.Mul(builder.ReduceSum(builder.Square(parameter), [], keepdims: false), Strength / 2) : null;
}
