namespace Nabi.Passes;

/// <summary>The passes that are run together.</summary>
public static class Simplification
{
    /// <summary>
    /// What is done after a model is read: shapes become static where they can, constants are folded, what changes nothing or is computed
    /// twice is removed. Results stay the same to the bit, and parameters that training changes stay as they are.
    /// </summary>
    public static IReadOnlyList<Pass> Standard { get; } = [SimplifyShapes.Pass, FoldConstants.Pass, RemoveIdentity.Pass, CommonSubexpressions.Pass];

    /// <summary>
    /// The standard passes and those that only make sense when the weights are final: straight-through estimators go, batch normalization is folded.
    /// </summary>
    public static IReadOnlyList<Pass> ForInference { get; } = [RemoveStraightThrough.Pass, .. Standard, FoldBatchNormalization.Pass];
}
