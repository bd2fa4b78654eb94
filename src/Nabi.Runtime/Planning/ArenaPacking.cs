namespace Nabi.Runtime.Planning;

/// <summary>
/// Gives every slot with a lifetime a place in one block such that slots alive at the same step do not overlap: one after the other, each into
/// the smallest gap that fits. Which order packs best depends on the network, so several are tried: by size and by breadth (Pisarchyk and Lee,
/// "Efficient Memory Management for Deep Neural Net Inference", 2020, sections 5.2 and 5.3), by lifetime, and by start.
/// </summary>
internal static class ArenaPacking
{
    /// <summary>Sets the offsets and returns the bytes of the block.</summary>
    /// <param name="slots">Root slots with their first and last step.</param>
    /// <param name="least">Bytes that no packing can be below (<see cref="PeakLiveBytes"/>): the search ends when they are reached.</param>
    public static long Pack(IReadOnlyList<Slot> slots, long least)
    {
        var (best, bestTotal) = (Array.Empty<long>(), long.MaxValue);
        foreach (var order in Orders(slots))
        {
            var total = PackInOrder(order);
            if (total >= bestTotal) continue;
            (best, bestTotal) = ([.. slots.Select(s => s.Offset)], total);
            if (total <= least) return total;
        }
        for (var i = 0; i < best.Length; i++) slots[i].Offset = best[i];
        return bestTotal;
    }

    /// <summary>The most bytes alive at one step: no arena can be smaller.</summary>
    public static long PeakLiveBytes(IReadOnlyList<Slot> slots, int steps) => LiveBytes(slots, steps).Max();

    private static IEnumerable<IEnumerable<Slot>> Orders(IReadOnlyList<Slot> slots)
    {
        yield return slots.OrderByDescending(s => s.Bytes).ThenBy(s => s.First);
        var live = LiveBytes(slots, slots.Select(s => s.Last).DefaultIfEmpty().Max());
        var breadth = slots.ToDictionary(s => s, s => live.AsSpan(s.First, s.Last - s.First + 1).ToArray().Max());
        yield return slots.OrderByDescending(s => breadth[s]).ThenByDescending(s => s.Bytes).ThenBy(s => s.First);
        yield return slots.OrderByDescending(s => s.Last - s.First).ThenByDescending(s => s.Bytes).ThenBy(s => s.First);
        yield return slots.OrderBy(s => s.First).ThenByDescending(s => s.Bytes);
        yield return slots.OrderByDescending(s => s.Last).ThenByDescending(s => s.Bytes);
    }

    private static long[] LiveBytes(IReadOnlyList<Slot> slots, int steps)
    {
        var live = new long[steps + 2];
        foreach (var slot in slots)
        {
            live[slot.First] += NativeBlock.Align(slot.Bytes);
            live[slot.Last + 1] -= NativeBlock.Align(slot.Bytes);
        }
        for (var i = 1; i < live.Length; i++) live[i] += live[i - 1];
        return live;
    }

    private static long PackInOrder(IEnumerable<Slot> order)
    {
        var placed = new List<Slot>();   // sorted by offset
        long total = 0;
        foreach (var slot in order)
        {
            slot.Offset = BestGap(slot, placed);
            total = Math.Max(total, slot.Offset + NativeBlock.Align(slot.Bytes));
            var at = placed.FindIndex(p => p.Offset > slot.Offset);
            placed.Insert(at < 0 ? placed.Count : at, slot);
        }
        return total;
    }

    private static long BestGap(Slot slot, List<Slot> placed)
    {
        var size = NativeBlock.Align(slot.Bytes);
        long best = -1, bestSize = long.MaxValue, end = 0;
        foreach (var other in placed)
        {
            if (other.Last < slot.First || slot.Last < other.First) continue;
            var gap = other.Offset - end;
            if (gap >= size && gap < bestSize) (best, bestSize) = (end, gap);
            end = Math.Max(end, other.Offset + NativeBlock.Align(other.Bytes));
        }
        return best >= 0 ? best : end;
    }
}
