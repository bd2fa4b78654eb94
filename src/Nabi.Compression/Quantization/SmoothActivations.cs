using Nabi.Compression.Recipes;
using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Moves the difficulty of quantization from activations to weights (Xiao et al. 2023, SmoothQuant, equations 3 and 4): channel j of a layer's input is
/// divided by s_j = max|X_j|^alpha / max|W_j|^(1 - alpha) and the weights that read it are multiplied, so that channels with outliers no longer take the
/// whole range. The division goes into the layer normalization, convolution or dense layer before, also through a Relu, so that the network computes what it did
/// and runs as fast. Inputs whose channels cannot be scaled there stay as they are. Batch normalization is folded first.
/// </summary>
public sealed record SmoothActivations : CompressionStep
{
    /// <summary>How much is moved: 0 evens out the weights, 1 the activations. Default 0.5, as in the paper.</summary>
    public double Alpha { get; init; } = 0.5;

    /// <summary>Calibration samples. Default 256. Range 1 to 1,000,000.</summary>
    public int Samples { get; init; } = 256;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("alpha", Alpha, 0, 1) ?? OutOfRange("samples", Samples, 1, 1_000_000);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var statistics = ActivationStatistics.Of(graph);
        graph = Passes.FoldBatchNormalization.Pass.Apply(graph);
        var sites = graph.Nodes.Select(n => Site.Of(n.Outputs.Count > 0 ? n.Outputs[0] : null)).OfType<Site>().ToArray();
        context.Notes.Add($"{Name}: {sites.Length} activations were scaled by channel.");
        if (sites.Length == 0) return graph;
        var largest = Largest(graph, sites, context);
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        Tensor Own(Value parameter) => tensors.TryGetValue(parameter.Name, out var tensor) ? tensor : tensors[parameter.Name] = parameter.Data!.Copy();
        foreach (var site in sites)
        {
            var x = largest[site.Input.Name];
            var w = new float[x.Length];
            foreach (var (weight, axis) in site.Readers) Each(Own(weight), axis, (ref float v, int c) => w[c] = Math.Max(w[c], Math.Abs(v)));
            // Dead channels stay as they are.
            var scale = x.Zip(w, (a, b) => a > 1e-9f && b > 1e-9f ? (float)(Math.Pow(a, Alpha) / Math.Pow(b, 1 - Alpha)) : 1).ToArray();
            foreach (var (weight, axis) in site.Readers) Each(Own(weight), axis, (ref float v, int c) => v *= scale[c]);
            foreach (var (parameter, axis) in site.Writers) Each(Own(parameter), axis, (ref float v, int c) => v /= scale[c]);
            statistics.Change(site.Before.Name, c => 1 / scale[c], _ => 0);
        }
        return statistics.On(graph.WithParameters(tensors));
    }

    private Dictionary<string, float[]> Largest(Graph graph, Site[] sites, CompressionContext context)
    {
        var loader = CalibrationBatches.Of(graph, context, Samples);
        using var observed = new ObservedGraph(graph, [.. sites.Select(s => s.Input.Name)], loader.Options.BatchSize, context.Threads);
        var largest = sites.ToDictionary(s => s.Input.Name, s => new float[s.Input.Shape[s.Axis]], StringComparer.Ordinal);
        var axes = sites.ToDictionary(s => s.Input.Name, s => s.Axis, StringComparer.Ordinal);
        foreach (var batch in loader.Epoch(0))
        {
            context.Report("observing channels", (double)batch.Step / loader.Steps);
            foreach (var (name, tensor) in observed.Run(batch.Inputs))
                Each(tensor, axes[name], (ref float v, int c) => largest[name][c] = Math.Max(largest[name][c], Math.Abs(v)));
        }
        return largest;
    }

    private delegate void Visit(ref float value, int channel);

    private static void Each(Tensor tensor, int axis, Visit visit)
    {
        var (inner, size) = (tensor.Shape.CountOf(axis + 1, tensor.Shape.Rank), tensor.Shape[axis]);
        var values = tensor.Span<float>();
        for (var i = 0; i < values.Length; i++) visit(ref values[i], i / inner % size);
    }

    /// <summary>An activation, the weights that read it and the parameters that give it its scale, each with its axis of channels.</summary>
    private sealed record Site(Value Input, int Axis, Value Before, (Value Weight, int Axis)[] Readers, (Value Parameter, int Axis)[] Writers)
    {
        public static Site? Of(Value? x)
        {
            if (x is null or { IsOutput: true } or { Users.Count: 0 } || !x.Users.All(u => u.Inputs[0] == x && u.Op is not Conv { Group: > 1 } and not ConvTranspose
                && WeightAxes.Of(u) is { } axes && IsOwn(u.Inputs[axes.Input]))) return null;
            var isImage = x.Users[0].Op is Conv;
            if (x.Users.Any(u => u.Op is Conv != isImage)) return null;
            var axis = isImage ? 1 : x.Shape.Rank - 1;
            if (!x.Shape.IsRanked || x.Shape[axis] <= 0) return null;
            var before = x.Producer is { Op: Relu, Inputs: [{ IsOutput: false, Users.Count: 1 } inner] } ? inner : x;
            if (before.Producer is not { } producer || WritersOf(producer) is not { } writers || (producer.Op is Conv) != isImage) return null;
            return new Site(x, axis, before, [.. x.Users.Select(u => (u.Inputs[WeightAxes.Of(u)!.Value.Input]!, WeightAxes.Of(u)!.Value.InputAxis))], writers);
        }

        private static (Value, int)[]? WritersOf(Node producer)
        {
            if (producer.Op is LayerNormalization { Axis: -1 })
                return producer.Inputs.Skip(1).All(v => v is { Shape.Rank: 1 } && IsOwn(v)) && producer.Inputs.Count > 1 ? [.. producer.Inputs.Skip(1).Select(v => (v!, 0))] : null;
            var (layer, bias) = producer is { Op: Add, Inputs: [{ Users.Count: 1, Producer: { Op: MatMul } product } sum, _] } && QuantizationSites.BiasOf(producer, sum) is { } added
                ? (product, added) : (producer, producer.Inputs.Count > 2 ? producer.Inputs[2] : null);
            if (layer.Op is ConvTranspose || WeightAxes.Of(layer) is not { } axes || !IsOwn(layer.Inputs[axes.Input]) || (bias is not null && !IsOwn(bias))) return null;
            return bias is null ? [(layer.Inputs[axes.Input]!, axes.OutputAxis)] : [(layer.Inputs[axes.Input]!, axes.OutputAxis), (bias, 0)];
        }

        private static bool IsOwn(Value? value) => value is { Data: not null, DType: DType.Float32, Users.Count: 1, IsUpdated: false };
    }
}

/// <summary>Writes <see cref="Quantization.SmoothActivations"/> in recipes.</summary>
public static class SmoothActivationsRecipe
{
    /// <summary>Adds the migration of outliers from activations to weights.</summary>
    public static Recipe SmoothActivations(this Recipe recipe, Func<SmoothActivations, SmoothActivations>? settings = null) =>
        recipe.Then(settings?.Invoke(new SmoothActivations()) ?? new SmoothActivations());
}
