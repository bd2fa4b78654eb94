namespace Nabi.Compression.Quantization;

/// <summary>
/// Chooses one of several settings for every layer so that the summed damage is least and the summed cost stays within a budget: the integer program of
/// HAWQ-V2 (Dong et al. 2020, section 4), a multiple-choice knapsack, solved by dynamic programming over the cost. The result is optimal when the budget
/// is at most <see cref="Cells"/>; otherwise costs are rounded up to as many units, so that the budget still holds and the result is optimal for the rounded costs.
/// </summary>
public static class BitAllocation
{
    /// <summary>Units that a budget is counted in, at most.</summary>
    public const int Cells = 20_000;

    /// <summary>The setting of every layer.</summary>
    /// <param name="damage">Of each layer, what each setting does; smaller is better.</param>
    /// <param name="cost">Of each layer, what each setting costs, at least 0.</param>
    /// <param name="budget">The most that all may cost.</param>
    /// <returns>The index of a setting for every layer.</returns>
    /// <exception cref="NabiException">Even the cheapest settings cost more than the budget.</exception>
    public static int[] Choose(IReadOnlyList<double[]> damage, IReadOnlyList<long[]> cost, long budget)
    {
        var cheapest = cost.Sum(c => c.Min());
        if (cheapest > budget) throw new NabiException($"the cheapest settings cost {cheapest}, which is more than the budget of {budget}");
        var unit = Math.Max(1, (budget + Cells - 1) / Cells);
        // The cheapest settings are taken for granted; only what others cost more is rounded.
        var room = (int)((budget - cheapest) / unit);
        var extra = cost.Select(c => c.Select(v => (int)Math.Min(room + 1L, (v - c.Min() + unit - 1) / unit)).ToArray()).ToArray();
        var best = new double[room + 1];
        var chosen = new byte[damage.Count][];
        for (var layer = 0; layer < damage.Count; layer++)
        {
            var (next, choice) = (new double[room + 1], new byte[room + 1]);
            Array.Fill(next, double.PositiveInfinity);
            for (var setting = 0; setting < extra[layer].Length; setting++)
            {
                for (var at = extra[layer][setting]; at <= room; at++)
                    if (best[at - extra[layer][setting]] + damage[layer][setting] is var sum && sum < next[at]) (next[at], choice[at]) = (sum, (byte)setting);
            }
            (best, chosen[layer]) = (next, choice);
        }
        var (result, left) = (new int[damage.Count], room);
        for (var layer = damage.Count - 1; layer >= 0; layer--)
        {
            result[layer] = chosen[layer][left];
            left -= extra[layer][result[layer]];
        }
        return result;
    }
}
