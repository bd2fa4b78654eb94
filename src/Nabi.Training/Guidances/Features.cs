namespace Nabi.Training;

/// <summary>Which feature maps of a network stand for its stages, and which of two networks belong together.</summary>
public static class Features
{
    /// <summary>
    /// The last feature map of every spatial size, in the order of the network: where its stages end. Maps of one pixel and sizes that are not known are left out.
    /// </summary>
    /// <param name="model">A network of images [N, C, H, W].</param>
    /// <returns>Values [N, C, H, W], the deepest last.</returns>
    public static IReadOnlyList<Value> Stages(Graph model)
    {
        var last = new Dictionary<(int, int), Value>();
        var order = new List<(int, int)>();
        foreach (var node in model.Nodes)
        {
            if (node.Output is not { Data: null, Shape: { IsRanked: true, Rank: 4 } shape } value || !DependsOnInput(value, model)) continue;
            var size = (shape[2], shape[3]);
            if (shape[1] == Shape.Unknown || shape[2] < 1 || shape[3] < 1 || size == (1, 1)) continue;
            if (last.ContainsKey(size)) order.Remove(size);
            order.Add(size);
            last[size] = value;
        }
        return [.. order.Select(s => last[s])];
    }

    /// <summary>Pairs of feature maps of a student and its teacher.</summary>
    /// <param name="student">The student.</param>
    /// <param name="teacher">The teacher.</param>
    /// <param name="names"><c>student=teacher</c>, names of values or nodes; when there are none, the stages of equal size in order.</param>
    /// <exception cref="NabiException">A name is unknown, is no feature map, or no stage has the same size in both.</exception>
    public static IReadOnlyList<(Value Student, Value Teacher)> Pairs(Graph student, Graph teacher, ValueArray<string> names)
    {
        if (!names.IsEmpty) return [.. names.Select(n => Named(student, teacher, n))];
        var wanted = Stages(teacher).ToDictionary(v => (v.Shape[2], v.Shape[3]));
        var pairs = Stages(student).Where(v => wanted.ContainsKey((v.Shape[2], v.Shape[3]))).Select(v => (v, wanted[(v.Shape[2], v.Shape[3])])).ToArray();
        return pairs.Length > 0 ? pairs
            : throw new NabiException($"Student '{student.Name}' and teacher '{teacher.Name}' have no feature maps of equal height and width; name pairs as student=teacher.");
    }

    private static (Value, Value) Named(Graph student, Graph teacher, string pair) => pair.Split('=', StringSplitOptions.TrimEntries) is [{ Length: > 0 } s, { Length: > 0 } t]
        ? (Find(student, s), Find(teacher, t))
        : throw new NabiException($"'{pair}' is no pair of layers; write student=teacher with the names that 'nabi inspect' shows.");

    private static Value Find(Graph graph, string name)
    {
        foreach (var node in graph.Nodes)
        {
            if (node.Name != name && node.Output.Name != name) continue;
            return node.Output.Shape is { IsRanked: true, Rank: 4 } ? node.Output
                : throw new NabiException($"Layer '{name}' of '{graph.Name}' has shape {node.Output.Shape}, but a feature map is [N, C, H, W].");
        }
        throw new NabiException($"There is no layer '{name}' in '{graph.Name}'; 'nabi inspect' lists its layers.");
    }

    private static bool DependsOnInput(Value value, Graph model) => model.Inputs.Count > 0 && value.Shape[0] == model.Inputs[0].Shape[0];
}
