using System.Globalization;
using Nabi.Compression.Recipes;

namespace Nabi.Compression.Factorization;

/// <summary>
/// Writes layers as several smaller ones, where that leaves fewer weights and fewer multiply-accumulates: dense layers and convolutions of one group, with bias and activation
/// kept behind the last. No data is needed; fine-tuning afterwards recovers accuracy.
/// </summary>
/// <remarks>
/// Ranks keep a part of each layer's energy (the sum of the squared weights). With <see cref="KeepMacs"/> that part is the same for all layers and the largest that meets the budget, found by
/// bisection: layers whose energy lies in few directions shrink most. It is greedy in that a layer's effect on the loss is not looked at.
/// </remarks>
public sealed record Factorize : CompressionStep
{
    private const int Bisections = 16;

    /// <summary>svd, spatial-svd, tucker2 or cp. Default tucker2. Layers the factorization does not apply to stay as they are.</summary>
    public string Method { get; init; } = "tucker2";

    /// <summary>Part of each layer's energy that is kept, 0.01 to 1. Default 0.9; not used with <see cref="KeepMacs"/>.</summary>
    public double Energy { get; init; } = 0.9;

    /// <summary>Multiply-accumulates of the network to keep at most, 0.01 to 1. Default 1: <see cref="Energy"/> decides.</summary>
    public double KeepMacs { get; init; } = 1;

    /// <summary>Names of layers to leave as they are. Default none.</summary>
    public ValueArray<string> Keep { get; init; } = [];

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("energy", Energy, 0.01, 1) ?? OutOfRange("keep-macs", KeepMacs, 0.01, 1)
        ?? (Named<LayerFactorization>.Names.Contains(Method) ? null : $"there is no method '{Method}'; there are {string.Join(", ", Named<LayerFactorization>.Names)}");

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var method = Named<LayerFactorization>.Create(Method, "factorization");
        var layers = new List<(FactorLayer Layer, Decomposition Decomposition)>();
        var nodes = graph.Nodes.Where(n => !Keep.Contains(n.Name)).ToArray();
        for (var i = 0; i < nodes.Length; i++)
        {
            if (FactorLayer.Of(nodes[i]) is not { } layer) continue;
            context.Report($"decomposing {nodes[i].Name}", (double)i / nodes.Length);
            if (method.Of(layer, context.RngFor((ulong)i), context.Cancellation) is { } decomposition) layers.Add((layer, decomposition));
        }
        if (layers.Count == 0) throw new NabiException($"model '{graph.Name}' has no layer that {Method} applies to");
        var chosen = KeepMacs < 1 ? WithinBudget(graph, layers, context) : AtEnergy(layers, Energy);
        Tell(layers.Count, chosen, context);
        return graph.Rewrite((node, rewriter) => chosen.TryGetValue(node, out var c) ? FactorChain.Build(c.Layer, c.Factors, rewriter) : null);
    }

    private static Dictionary<Node, Chosen> AtEnergy(List<(FactorLayer Layer, Decomposition Decomposition)> layers, double energy)
    {
        var chosen = new Dictionary<Node, Chosen>();
        foreach (var (layer, decomposition) in layers)
        {
            var factors = decomposition.Factors(decomposition.RanksFor(energy));
            if (layer.Macs(factors) < layer.OwnMacs && factors.Sum(f => f.Count) < layer.Numbers.LongLength) chosen[layer.Node] = new Chosen(layer, factors);
        }
        return chosen;
    }

    private Dictionary<Node, Chosen> WithinBudget(Graph graph, List<(FactorLayer Layer, Decomposition Decomposition)> layers, CompressionContext context)
    {
        // Unknown sizes, such as the batch, count as one in both.
        var batch = graph.WithBatch(1);
        var all = batch.Nodes.Sum(n => n.Cost.Macs);
        var (low, high) = (0.0, 1.0);
        Dictionary<Node, Chosen>? best = null;
        for (var step = 0; step <= Bisections; step++)
        {
            context.Report("looking for ranks", (double)step / Bisections);
            var energy = step == 0 ? 0 : (low + high) / 2;
            var chosen = AtEnergy(layers, energy);
            var left = all - chosen.Values.Sum(c => c.Layer.OwnMacs - c.Layer.Macs(c.Factors));
            if (left <= KeepMacs * all) (best, low) = (chosen, energy);
            else if (step == 0) throw new NabiException(string.Create(CultureInfo.InvariantCulture, $"{Method} cannot leave less than {(double)left / all:P1} of the multiply-accumulates of '{graph.Name}'; raise keep-macs"));
            else high = energy;
        }
        return best!;
    }

    private void Tell(int layers, Dictionary<Node, Chosen> chosen, CompressionContext context)
    {
        foreach (var (node, (layer, factors)) in chosen)
        {
            var product = layer.Product(factors);
            var error = 0.0;
            for (var i = 0; i < product.Length; i++) error += (product[i] - layer.Numbers[i]) * (product[i] - layer.Numbers[i]);
            context.Notes.Add(string.Create(CultureInfo.InvariantCulture,
                $"{Name}: {node.Name}: {Method} with {string.Join(", ", factors.SkipLast(1).Select(f => f.Outputs))} channels between, {(double)layer.OwnMacs / layer.Macs(factors):F2}x fewer multiply-accumulates, relative error {Math.Sqrt(error / Math.Max(layer.Energy, double.Epsilon)):F4}."));
        }
        if (layers > chosen.Count) context.Notes.Add($"{Name}: {layers - chosen.Count} of {layers} layers would not be smaller and stay as they are.");
    }

    /// <summary>A layer and what takes its place.</summary>
    private sealed record Chosen(FactorLayer Layer, IReadOnlyList<Factor> Factors);
}

/// <summary>Writes <see cref="Nabi.Compression.Factorization.Factorize"/> in recipes.</summary>
public static class FactorizeRecipe
{
    /// <summary>Adds factorization of layers.</summary>
    public static Recipe Factorize(this Recipe recipe, Func<Factorize, Factorize>? settings = null) =>
        recipe.Then(settings?.Invoke(new Factorize()) ?? new Factorize());
}
