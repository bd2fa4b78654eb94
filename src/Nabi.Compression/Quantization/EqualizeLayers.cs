using Nabi.Compression.Recipes;
using Nabi.Ops;
using Nabi.Passes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Cross-layer equalization (Nagel et al. 2019, Data-Free Quantization, section 4.1): between two layers with nothing or a Relu between
/// them, each channel is scaled so that both layers' weights use the same part of their range. The network computes what it did;
/// quantized per tensor it loses far less. Batch normalization is folded first.
/// </summary>
public sealed record EqualizeLayers : CompressionStep
{
    /// <summary>How often all pairs are gone through. Default 20. Range 1 to 1000.</summary>
    public int Rounds { get; init; } = 20;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("rounds", Rounds, 1, 1000);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        graph = FoldBatchNormalization.Pass.Apply(graph);
        var pairs = graph.Nodes.Select(Pair.Of).OfType<Pair>().ToArray();
        if (pairs.Length == 0)
        {
            context.Notes.Add($"{Name}: no two layers follow each other with nothing or a Relu between them, so nothing was scaled.");
            return graph;
        }
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        Tensor Own(Value parameter) => tensors.TryGetValue(parameter.Name, out var tensor) ? tensor
            : tensors[parameter.Name] = parameter.Data!.Copy();
        for (var round = 0; round < Rounds; round++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            foreach (var pair in pairs) pair.Equalize(Own(pair.First), pair.Bias is null ? null : Own(pair.Bias), Own(pair.Second));
        }
        return graph.WithParameters(tensors);
    }

    /// <summary>Two weights with a common axis of channels: the outputs of the first are the inputs of the second.</summary>
    private sealed record Pair(Value First, int FirstAxis, Value? Bias, Value Second, int SecondAxis)
    {
        public static Pair? Of(Node first)
        {
            if (WeightAxes.Of(first) is not { } axes || !IsOwn(first.Inputs[axes.Input])
                || (first.Inputs.Count > 2 && first.Inputs[2] is not null && !IsOwn(first.Inputs[2]))) return null;
            var output = first.Output;
            if (output is { UseCount: 1, IsOutput: false } && output.Users[0].Op is Relu) output = output.Users[0].Output;
            if (output is not { UseCount: 1, IsOutput: false } || output.Users[0] is not { } second || second.Inputs[0] != output) return null;
            if (WeightAxes.Of(second) is not { } next || !IsOwn(second.Inputs[next.Input])
                || (first.Op is Conv) != (second.Op is Conv)) return null;
            var weight = second.Inputs[next.Input]!;
            var axis = second.Op is not Conv { Group: > 1 } conv ? next.InputAxis : weight.Shape[1] == 1 && weight.Shape[0] == conv.Group ? 0
                : -1;
            var bias = first.Inputs.Count > 2 ? first.Inputs[2] : null;
            return axis < 0 ? null : new Pair(first.Inputs[axes.Input]!, axes.OutputAxis, bias, weight, axis);
        }

        public void Equalize(Tensor first, Tensor? bias, Tensor second)
        {
            var (r1, r2) = (Largest(first, FirstAxis), Largest(second, SecondAxis));
            var scale = new float[r1.Length];
            // s = sqrt(r1 r2) / r2: afterwards both have the range sqrt(r1 r2). Dead channels stay as they are.
            for (var c = 0; c < scale.Length; c++) scale[c] = r1[c] > 1e-9f && r2[c] > 1e-9f ? MathF.Sqrt(r1[c] / r2[c]) : 1;
            Multiply(second, SecondAxis, scale);
            for (var c = 0; c < scale.Length; c++) scale[c] = 1 / scale[c];
            Multiply(first, FirstAxis, scale);
            if (bias is not null) Multiply(bias, 0, scale);
        }

        private static bool IsOwn(Value? value) => value is { Data: not null, DType: DType.Float32, Users.Count: 1 };

        private static float[] Largest(Tensor tensor, int axis)
        {
            var largest = new float[tensor.Shape[axis]];
            var inner = tensor.Shape.CountOf(axis + 1, tensor.Shape.Rank);
            var values = tensor.Span<float>();
            for (var i = 0; i < values.Length; i++)
            {
                ref var r = ref largest[i / inner % largest.Length];
                r = Math.Max(r, Math.Abs(values[i]));
            }
            return largest;
        }

        private static void Multiply(Tensor tensor, int axis, float[] factors)
        {
            var inner = tensor.Shape.CountOf(axis + 1, tensor.Shape.Rank);
            var values = tensor.Span<float>();
            for (var i = 0; i < values.Length; i++) values[i] *= factors[i / inner % factors.Length];
        }
    }
}

/// <summary>Writes <see cref="Quantization.EqualizeLayers"/> in recipes.</summary>
public static class EqualizeLayersRecipe
{
    /// <summary>Adds cross-layer equalization.</summary>
    public static Recipe EqualizeLayers(this Recipe recipe, Func<EqualizeLayers, EqualizeLayers>? settings = null) =>
        recipe.Then(settings?.Invoke(new EqualizeLayers()) ?? new EqualizeLayers());
}
