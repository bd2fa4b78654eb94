using Nabi.Ops;

namespace Nabi.Formats;

/// <summary>
/// STRIDED_SLICE: begins, ends and strides of the leading axes, with a bit per axis for what is not used as given: begin_mask and end_mask take all there is,
/// shrink_axis_mask takes one element and drops the axis, ellipsis_mask stands for as many whole axes as are left, new_axis_mask adds one of size 1.
/// </summary>
internal static class TfLiteStridedSlice
{
    /// <summary>Turns one into Slice, Squeeze and Unsqueeze.</summary>
    public static void Import(TfLiteNode n)
    {
        var (begins, ends, strides) = (n.Integers(1), n.Integers(2), n.Integers(3));
        var (beginMask, endMask, ellipsisMask, newMask, shrinkMask) = (n.Int(0), n.Int(1), n.Int(2), n.Int(3), n.Int(4));
        var rank = n.Rank(0);
        if (begins.Length != ends.Length || begins.Length != strides.Length || begins.Length > 32) throw new NabiException("its begins, ends and strides differ in number");
        if (n.Enum(5) != 0) ends = [.. ends.Select((e, i) => checked(begins[i] + e))];

        var (from, to, step) = (new long[rank], new long[rank], new long[rank]);
        Array.Fill(to, long.MaxValue);
        Array.Fill(step, 1);
        var (added, dropped) = (new List<long>(), new List<long>());
        var axis = 0;
        for (var i = 0; i < begins.Length; i++)
        {
            if (Has(ellipsisMask, i))
            {
                axis = rank - Enumerable.Range(i + 1, begins.Length - i - 1).Count(rest => !Has(newMask, rest));
                if (axis < 0) throw new NabiException("it names more axes than there are");
                continue;
            }
            if (Has(newMask, i))
            {
                added.Add(axis - dropped.Count + added.Count);
                continue;
            }
            if (axis >= rank) throw new NabiException($"it names more axes than the {rank} there are");
            if (strides[i] == 0) throw new NabiException("a stride is 0");
            step[axis] = Has(shrinkMask, i) ? 1 : strides[i];
            from[axis] = Has(beginMask, i) && !Has(shrinkMask, i) ? (strides[i] > 0 ? 0 : long.MaxValue) : begins[i];
            if (Has(shrinkMask, i))
            {
                dropped.Add(axis);
                to[axis] = begins[i] == -1 ? long.MaxValue : begins[i] + 1;
            }
            else
            {
                to[axis] = !Has(endMask, i) ? ends[i] : strides[i] > 0 ? long.MaxValue : long.MinValue;
            }
            axis++;
        }
        var layout = added.Count + dropped.Count > 0 ? ImageLayout.Filed : n.Layout(0);
        if (rank == 4) (from, to, step) = (TfLiteValues.InOrder(layout, from), TfLiteValues.InOrder(layout, to), TfLiteValues.InOrder(layout, step));
        n.Move(0, layout, x =>
        {
            var axes = Enumerable.Range(0, rank).Select(a => (long)a).ToArray();
            x = n.Apply(new Slice(), "", x, n.Builder.Integers(from), n.Builder.Integers(to), n.Builder.Integers(axes), n.Builder.Integers(step));
            if (dropped.Count > 0) x = n.Apply(new Squeeze(), "squeeze", x, n.Builder.Integers(dropped.ToArray()));
            if (added.Count > 0) x = n.Apply(new Unsqueeze(), "unsqueeze", x, n.Builder.Integers(added.ToArray()));
            return x;
        });
    }

    private static bool Has(int mask, int bit) => (mask >> bit & 1) != 0;
}
