namespace Nabi.Runtime.Planning;

/// <summary>
/// Gives every slot with a lifetime a place in one block such that slots alive at the same step do not overlap: largest first,
/// each into the smallest gap that fits (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020, section 5.2).
/// </summary>
internal static class ArenaPacking
{
    /// <summary>Sets the offsets and returns the bytes of the block.</summary>
    public static long Pack(IReadOnlyList<Slot> slots)
    {
        var order = slots.OrderByDescending(s => s.Bytes).ThenBy(s => s.First).ToArray();
        var placed = new List<Slot>(order.Length);   // sorted by offset
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

    /// <summary>The most bytes alive at one step: no arena can be smaller.</summary>
    public static long PeakLiveBytes(IReadOnlyList<Slot> slots, int steps)
    {
        var change = new long[steps + 2];
        foreach (var slot in slots)
        {
            change[slot.First] += NativeBlock.Align(slot.Bytes);
            change[slot.Last + 1] -= NativeBlock.Align(slot.Bytes);
        }
        long live = 0, peak = 0;
        foreach (var bytes in change)
        {
            live += bytes;
            peak = Math.Max(peak, live);
        }
        return peak;
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
