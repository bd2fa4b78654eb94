using Nabi.Formats.OnnxProto;

namespace Nabi.Formats;

/// <summary>
/// Shape arithmetic over an open batch size. The model is read with two batch sizes; a number that is the same both times does not depend
/// on the batch, and the one entry of a Reshape target that does is -1. So <c>x.reshape(x.size(0), -1)</c> keeps its shape known up to the batch.
/// </summary>
internal sealed class ShapeProbe
{
    // Large primes: neither vanishes in a division nor equals another dimension by chance.
    private const int First = 1009, Second = 2003;

    private readonly Findings _first, _second;

    private ShapeProbe(Findings first, Findings second) => (_first, _second) = (first, second);

    /// <summary>What reading with a known batch showed: constants that shape arithmetic gave, and the shape of every value.</summary>
    public sealed record Findings(IReadOnlyDictionary<string, Tensor> Folded, IReadOnlyDictionary<string, Shape> Shapes);

    /// <summary>Probes a model; null when there is nothing to find out: no open batch, or no node asks for a shape.</summary>
    public static ShapeProbe? Of(ModelProto model, OnnxReadOptions options, ExternalData? external)
    {
        if (!model.Graph.Node.Any(n => n.OpType is "Shape" or "Size")) return null;
        var open = new List<(string Name, Shape Shape)>();
        var held = model.Graph.Initializer.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var input in model.Graph.Input)
        {
            if (held.Contains(input.Name) || options.Bindings.ContainsKey(input.Name) || input.Type?.TensorType?.Shape is not { } dims) continue;
            var shape = options.InputShapes.GetValueOrDefault(input.Name, OnnxImporter.ShapeOf(dims));
            if (shape is { IsRanked: true, Rank: > 0 } && shape[0] == Shape.Unknown) open.Add((input.Name, shape));
        }
        if (open.Count == 0) return null;
        try
        {
            return new ShapeProbe(With(First), With(Second));
        }
        catch (NabiException)
        {
            return null; // The model itself is read next and says what is wrong.
        }

        Findings With(int batch)
        {
            var shapes = new Dictionary<string, Shape>(options.InputShapes, StringComparer.Ordinal);
            foreach (var (name, shape) in open) shapes[name] = shape.With(0, batch);
            return OnnxImporter.Probe(model, options with { InputShapes = shapes }, external);
        }
    }

    /// <summary>The values an operator should read: constants where the probes agree.</summary>
    public void Resolve(string op, Value?[] inputs, GraphBuilder builder)
    {
        for (var i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] is not { Data: null } input || !input.DType.IsInteger()) continue;
            if (!_first.Folded.TryGetValue(input.Name, out var first) || !_second.Folded.TryGetValue(input.Name, out var second)) continue;
            if (first.Type != second.Type) continue;
            if (first.Bytes.SequenceEqual(second.Bytes))
                inputs[i] = builder.Constant(first, input.Name);
            else if (op == "Reshape" && i == 1 && Target(first.ToInt64(), second.ToInt64(), inputs[0]!.Name) is { } target)
                inputs[i] = builder.Constant(target, input.Name);
        }
    }

    // The one entry that varies is -1; where another is -1 already it must be the data's own dimension, which 0 copies.
    private Tensor? Target(long[] first, long[] second, string data)
    {
        var varying = -1;
        for (var i = 0; i < first.Length; i++)
        {
            if (first[i] == second[i]) continue;
            if (varying >= 0) return null;
            varying = i;
        }
        if (Array.IndexOf(first, -1L) < 0) first[varying] = -1;
        else if (Is(_first, first[varying]) && Is(_second, second[varying])) first[varying] = 0;
        else return null;
        return Tensor.Vector<long>(first);

        bool Is(Findings findings, long size) =>
            findings.Shapes.TryGetValue(data, out var shape) && shape.IsRanked && varying < shape.Rank && shape[varying] == size;
    }
}
