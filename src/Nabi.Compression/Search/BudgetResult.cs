namespace Nabi.Compression.Search;

/// <summary>What a budget search found. There is always a result, also when the budget was not met or the search was cancelled.</summary>
/// <param name="Baseline">The original.</param>
/// <param name="Variants">Everything finished, the original first.</param>
/// <param name="Recommended">The variant to use: within the budget the one that saves most; null when none is within it.</param>
/// <param name="Closest">Without a recommended one, the variant that comes closest to the budget.</param>
/// <param name="Failures">Why candidates failed, a sentence each.</param>
/// <param name="WasCancelled">Did the user end it?</param>
/// <param name="Seconds">Time taken.</param>
public sealed record BudgetResult(Variant Baseline, IReadOnlyList<Variant> Variants, Variant? Recommended, Variant? Closest,
    IReadOnlyList<string> Failures, bool WasCancelled, double Seconds)
{
    /// <summary>The variants that no other one beats.</summary>
    public IReadOnlyList<Variant> Pareto => [.. Variants.Where(v => v.IsOnFront)];

    /// <summary>Is a variant other than the original within the budget?</summary>
    public bool IsBudgetMet => Recommended is not null;
}
