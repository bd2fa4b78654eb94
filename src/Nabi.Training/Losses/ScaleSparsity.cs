using Nabi.Ops;

namespace Nabi.Training;

/// <summary>
/// Strength times the sum of |scale| of all batch normalizations: channels that are not needed get a scale near 0 and can be pruned (network slimming,
/// Liu et al. 2017, equation 1).
/// </summary>
/// <param name="Strength">The factor lambda. Default 1e-4, the paper's choice for most networks.</param>
public sealed record ScaleSparsity(double Strength = 1e-4) : Penalty
{
    /// <inheritdoc/>
    public override Value? Build(GraphBuilder builder, Value parameter, Value original) =>
        original.Users.Any(n => n.Op is BatchNormalization && n.Inputs[1] == original)
            ? builder.Mul(builder.ReduceSum(builder.Apply(new Abs(), parameter), [], keepdims: false), builder.Scalar(Strength, parameter))
            : null;
}
