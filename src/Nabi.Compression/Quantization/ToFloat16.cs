using Nabi.Compression.Recipes;
using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Stores weights in 16 bits: half precision (IEEE 754) or bfloat16. They are made single precision where they are read, so that every runtime computes
/// as before; the file is half as large. Numbers too large for half precision are refused.
/// </summary>
/// <remarks>
/// Activations stay in single precision. .NET has no vector instructions that compute on halves (AVX512-FP16, AVX512-BF16 and Arm's are not exposed), so that a kernel would
/// widen every number it reads and narrow every number it writes: more work for the same products, in networks whose activations mostly fit into the caches.
/// </remarks>
public sealed record ToFloat16 : CompressionStep
{
    /// <summary><c>float16</c>, with 11 significant bits up to 65504, or <c>bfloat16</c>, with 8 and the range of single precision. Default float16.</summary>
    public string Type { get; init; } = "float16";

    /// <inheritdoc/>
    public override string? Fault => Type is "float16" or "bfloat16" ? null : $"type is '{Type}' but must be float16 or bfloat16";

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var type = Type == "float16" ? DType.Float16 : DType.BFloat16;
        var rewriter = new Rewriter(graph);
        var wide = new Dictionary<Value, Value>();
        foreach (var parameter in graph.Parameters)
        {
            // Single numbers and vectors are small and often scales that others read as constants.
            if (parameter is not { DType: DType.Float32, Shape.Rank: > 1, IsUpdated: false } || parameter.Users.Any(n => n.Op is DequantizeLinear or QuantizeLinear or FakeQuantize)) continue;
            var narrow = parameter.Data!.Cast(type);
            if (!Array.TrueForAll(narrow.ToSingle(), float.IsFinite))
                throw new NabiException($"parameter '{parameter.Name}' holds a number that {type} cannot hold");
            wide[parameter] = rewriter.Builder.ApplyNamed(new Cast(DType.Float32), $"{parameter.Name}.cast", 1,
                [rewriter.Builder.Constant(narrow, $"{parameter.Name}.{Type}")])[0];
        }
        if (wide.Count == 0) context.Notes.Add($"{Name}: no weights are in single precision, so nothing was stored in 16 bits.");
        foreach (var node in graph.Nodes)
            rewriter.Visit(node, rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count,
                [.. node.Inputs.Select(v => v is null ? null : wide.GetValueOrDefault(v) ?? rewriter[v])], [.. node.Outputs.Select(o => o.Name)]));
        return rewriter.Finish();
    }
}

/// <summary>Writes <see cref="Quantization.ToFloat16"/> in recipes.</summary>
public static class ToFloat16Recipe
{
    /// <summary>Adds storing weights in 16 bits.</summary>
    public static Recipe ToFloat16(this Recipe recipe, Func<ToFloat16, ToFloat16>? settings = null) =>
        recipe.Then(settings?.Invoke(new ToFloat16()) ?? new ToFloat16());
}
