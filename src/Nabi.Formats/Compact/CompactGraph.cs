namespace Nabi.Formats;

/// <summary>The body of a .nabi file.</summary>
internal static class CompactGraph
{
    /// <summary>Appends a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="options">How.</param>
    /// <param name="writer">Receives everything but the parameters' tensors.</param>
    /// <param name="tensors">Receives those, in order.</param>
    public static void Write(Graph graph, NabiWriteOptions options, ByteWriter writer, ByteWriter tensors)
    {
        writer.Text(graph.Name);
        writer.Count(graph.Metadata.Count);
        foreach (var (key, value) in graph.Metadata)
        {
            writer.Text(key);
            writer.Text(value);
        }
        var ops = new Dictionary<Op, int>();
        foreach (var node in graph.Nodes) ops.TryAdd(node.Op, ops.Count);
        writer.Count(ops.Count);
        foreach (var op in ops.Keys) CompactOps.Write(op, writer);
        var numbers = new Dictionary<Value, int>();
        writer.Count(graph.Inputs.Count);
        foreach (var input in graph.Inputs)
        {
            numbers.Add(input, numbers.Count);
            writer.Name(input.Name);
            CompactTypes.Write(input.Type, writer);
        }
        writer.Count(graph.Parameters.Count);
        foreach (var p in graph.Parameters)
        {
            numbers.Add(p, numbers.Count);
            writer.Name(p.Name);
            writer.Byte(p.IsTrainable ? (byte)1 : (byte)0);
            TensorCodec.Write(options.RoundToBFloat16 && p.DType == DType.Float32 ? p.Data!.Cast(DType.BFloat16).Cast(DType.Float32) : p.Data!, tensors);
        }
        WriteNodes(graph, ops, numbers, writer);
        writer.Count(graph.Outputs.Count);
        foreach (var output in graph.Outputs)
        {
            writer.Name(output.Name);
            writer.Count(numbers[output.Value]);
        }
        writer.Count(graph.Updates.Count);
        foreach (var update in graph.Updates)
        {
            writer.Count(numbers[update.Parameter]);
            writer.Count(numbers[update.Value]);
        }
    }

    /// <summary>Reads a graph.</summary>
    /// <param name="reader">Has everything but the parameters' tensors.</param>
    /// <param name="tensors">Has those; may be the same.</param>
    /// <exception cref="NabiException">It is damaged.</exception>
    public static Graph Read(ref ByteReader reader, ref ByteReader tensors)
    {
        var builder = new GraphBuilder(reader.Text());
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var left = reader.Count(); left > 0; left--) metadata[reader.Text()] = reader.Text();
        builder.Metadata = metadata;
        var ops = new Op[reader.Count()];
        for (var i = 0; i < ops.Length; i++) ops[i] = CompactOps.Read(ref reader);
        var values = new List<Value>();
        for (var left = reader.Count(); left > 0; left--)
        {
            var name = reader.Name();
            var type = CompactTypes.Read(ref reader);
            values.Add(builder.Input(name, type.DType, type.Shape));
        }
        for (var left = reader.Count(); left > 0; left--)
        {
            var name = reader.Name();
            var trainable = reader.Byte() != 0;
            values.Add(builder.Parameter(name, TensorCodec.Read(ref tensors), trainable));
        }
        for (var left = reader.Count(); left > 0; left--) ReadNode(ref reader, builder, ops, values);
        for (var left = reader.Count(); left > 0; left--)
        {
            var name = reader.Name();
            builder.Output(name, Item(values, reader.Count(0)));
        }
        ReadUpdates(ref reader, builder, values);
        var graph = builder.Build();
        return Verifier.FirstFault(graph) is { } fault ? throw new NabiException(fault) : graph;
    }

    // Most nodes have one output named like the node: no names follow then.
    private static void WriteNodes(Graph graph, Dictionary<Op, int> ops, Dictionary<Value, int> numbers, ByteWriter writer)
    {
        writer.Count(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
        {
            writer.Name(node.Name);
            writer.Count(ops[node.Op]);
            writer.Count(node.Inputs.Count);
            foreach (var input in node.Inputs) writer.Count(input is null ? 0 : numbers[input] + 1);
            var named = node.Outputs.Count != 1 || node.Output.Name != node.Name;
            writer.Count(named ? node.Outputs.Count : 0);
            foreach (var output in node.Outputs)
            {
                numbers.Add(output, numbers.Count);
                if (named) writer.Name(output.Name);
            }
        }
    }

    private static void ReadNode(ref ByteReader reader, GraphBuilder builder, Op[] ops, List<Value> values)
    {
        var name = reader.Name();
        var op = Item(ops, reader.Count(0));
        var inputs = new Value?[reader.Count()];
        for (var i = 0; i < inputs.Length; i++) inputs[i] = reader.Count(0) is var number and > 0 ? Item(values, number - 1) : null;
        var count = reader.Count();
        var outputs = new string[Math.Max(1, count)];
        outputs[0] = name;
        for (var i = 0; i < count; i++) outputs[i] = reader.Name();
        CheckedApply.Run(name, op.Name, () => values.AddRange(builder.ApplyNamed(op, name, outputs.Length, inputs, outputs)));
    }

    private static void ReadUpdates(ref ByteReader reader, GraphBuilder builder, List<Value> values)
    {
        for (var left = reader.Count(); left > 0; left--)
        {
            var (parameter, value) = (Item(values, reader.Count(0)), Item(values, reader.Count(0)));
            if (parameter.Data is null || parameter.Type != value.Type) throw new NabiException($"the update of '{parameter.Name}' does not fit it");
            builder.Update(parameter, value);
        }
    }

    private static T Item<T>(IReadOnlyList<T> items, int index) =>
        index < items.Count ? items[index] : throw new NabiException($"item {index} is referred to where there are {items.Count}; the file is damaged");
}
