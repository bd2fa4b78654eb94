namespace Nabi.Runtime.Planning;

/// <summary>During which steps every slot's memory is needed, and which slots can share it.</summary>
internal static class Liveness
{
    /// <summary>Sets first and last step of every root slot in the arena.</summary>
    /// <param name="steps">The steps.</param>
    /// <param name="kept">Slots read after the last step.</param>
    public static void Mark(IReadOnlyList<Step> steps, IEnumerable<Slot> kept)
    {
        for (var i = 0; i < steps.Count; i++)
        {
            foreach (var slot in steps[i].Inputs.Concat(steps[i].Outputs).Concat(steps[i].Scratch))
            {
                slot.Root.First = Math.Min(slot.Root.First, i);
                slot.Root.Last = Math.Max(slot.Root.Last, i);
            }
        }
        foreach (var slot in kept)
        {
            slot.Root.First = Math.Min(slot.Root.First, steps.Count);
            slot.Root.Last = steps.Count;
        }
    }

    /// <summary>
    /// Where a step can write the new value of a parameter over the old one, because nobody reads the old one later, it does. Returns
    /// the updates that are left to copy after the run.
    /// </summary>
    public static IEnumerable<(Slot From, Slot To)> ShareParameters(
        Graph graph, IReadOnlyList<Step> steps, Slot[] outputs, IReadOnlyList<(Slot From, Slot To)> updates)
    {
        var sources = updates.CountBy(u => u.From.Root).ToDictionary();
        foreach (var (from, to) in updates)
        {
            var root = from.Root;
            var safe = root.Home == SlotHome.Arena && root.First < steps.Count && sources[root] == 1 && root.Bytes == to.Bytes
                && steps[root.First].InPlace.Any(p => p.Input.Root == to.Root && steps[root.First].Outputs[p.Output].Root == root) && to.Root.Last <= root.First
                && !outputs.Any(o => o.Root == to.Root || o.Root == root);
            if (safe) root.ShareWith(to);
            else yield return (from, to);
        }
    }

    /// <summary>Lets an output of a step take over the memory of an input that ends there, where the kernel allows it.</summary>
    public static void ShareInPlace(IReadOnlyList<Step> steps)
    {
        for (var i = 0; i < steps.Count; i++)
        {
            foreach (var (number, slot) in steps[i].InPlace)
            {
                var (output, input) = (steps[i].Outputs[number].Root, slot.Root);
                if (output.Home != SlotHome.Arena || output.First != i || input == output) continue;
                if (input.Home != SlotHome.Arena || input.Last != i || input.Bytes != output.Bytes || !IsFree(steps[i], number, input)) continue;
                input.Last = output.Last;
                output.ShareWith(input);
            }
        }
    }

    // Does the step touch this memory in no other way than through the slots output `number` may overwrite? A residual may also be the left matrix.
    private static bool IsFree(Step step, int number, Slot memory) =>
        step.Inputs.Count(s => s.Root == memory) <= step.InPlace.Count(p => p.Output == number && p.Input.Root == memory) && step.Outputs.All(s => s.Root != memory);

    /// <summary>The distinct roots of one home that the steps touch.</summary>
    public static List<Slot> Roots(IReadOnlyList<Step> steps, SlotHome home, bool outputsOnly = false)
    {
        var seen = new HashSet<Slot>();
        var roots = new List<Slot>();
        foreach (var step in steps)
        {
            var slots = outputsOnly ? step.Outputs.Concat(step.Scratch) : step.Inputs.Concat(step.Outputs).Concat(step.Scratch);
            foreach (var slot in slots)
                if (slot.Root.Home == home && seen.Add(slot.Root)) roots.Add(slot.Root);
        }
        return roots;
    }
}
