namespace Nabi.Compression.Pruning;

/// <summary>A weight that is to be pruned.</summary>
/// <param name="Name">The parameter's name.</param>
/// <param name="Axes">Which axis holds its outputs.</param>
/// <param name="Weights">Its numbers, Float32, which pruning changes in place.</param>
/// <param name="Scores">How much each matters.</param>
internal sealed record ScoredWeight(string Name, WeightAxes Axes, Tensor Weights, float[] Scores);
