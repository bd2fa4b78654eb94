using Nabi.Formats.OnnxProto;

namespace Nabi.Formats.Tests;

/// <summary>Runs a graph on inputs.</summary>
public delegate IReadOnlyDictionary<string, Tensor> Executor(Graph graph, IReadOnlyDictionary<string, Tensor> inputs);

/// <summary>One folder of the ONNX backend tests: a model, and sets of inputs with the outputs they should give.</summary>
internal static class BackendCase
{
    /// <summary>Runs every data set; null when all outputs are as they should be, else what is wrong.</summary>
    public static string? Run(string folder, Executor executor)
    {
        var free = Attempt(folder, executor, bind: false);
        // Shapes, axes and sizes given as inputs decide the types of what follows: such models run with those inputs as constants.
        return free is null || Attempt(folder, executor, bind: true) is null ? null : free;
    }

    private static string? Attempt(string folder, Executor executor, bool bind)
    {
        try
        {
            var path = Path.Combine(folder, "model.onnx");
            var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
            var held = model.Graph.Initializer.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
            var names = model.Graph.Input.Select(i => i.Name).Where(n => !held.Contains(n)).ToArray();
            foreach (var set in Directory.GetDirectories(folder, "test_data_set_*").Order(StringComparer.Ordinal))
            {
                var inputs = new Dictionary<string, Tensor>(StringComparer.Ordinal);
                for (var i = 0; i < names.Length; i++) inputs[names[i]] = Load(set, $"input_{i}.pb");
                var bound = bind ? inputs.Where(i => IsShapeLike(i.Value)).ToDictionary(StringComparer.Ordinal) : [];
                var graph = OnnxFile.Read(path, new OnnxReadOptions { Bindings = bound });
                foreach (var name in bound.Keys) inputs.Remove(name);
                var outputs = executor(graph, inputs);
                for (var i = 0; i < graph.Outputs.Count; i++)
                    if (Difference(Load(set, $"output_{i}.pb"), outputs[graph.Outputs[i].Name]) is { } difference)
                        return $"output {graph.Outputs[i].Name}: {difference}";
            }
            return null;
        }
        catch (Exception e)
        {
            return $"{e.GetType().Name}: {e.Message}";
        }
    }

    private static bool IsShapeLike(Tensor tensor) => tensor.Shape.Rank <= 1 && tensor.Count <= 64;

    private static Tensor Load(string set, string name) =>
        OnnxTensors.Read(TensorProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(set, name))), null);

    /// <summary>Where two tensors differ beyond |expected| x rtol + atol; null when nowhere.</summary>
    public static string? Difference(Tensor expected, Tensor actual, double? relative = null, double absolute = 1e-7)
    {
        if (expected.Type != actual.Type) return $"is {actual.Type}, not {expected.Type}";
        if (!expected.DType.IsFloat())
        {
            for (var i = 0; i < expected.Bytes.Length; i++)
                if (expected.Bytes[i] != actual.Bytes[i]) return $"byte {i} differs: expected {expected}, got {actual}";
            return null;
        }
        var rtol = relative ?? (expected.DType is DType.Float16 or DType.BFloat16 ? 1e-2 : 1e-3);
        var (a, b) = (expected.Cast(DType.Float64), actual.Cast(DType.Float64));
        var e = a.Span<double>();
        var g = b.Span<double>();
        for (var i = 0; i < e.Length; i++)
        {
            if (e[i].Equals(g[i])) continue;
            if (!(Math.Abs(e[i] - g[i]) <= absolute + rtol * Math.Abs(e[i]))) return $"element {i} is {g[i]}, not {e[i]}";
        }
        return null;
    }
}
