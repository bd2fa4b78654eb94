using Nabi.Compression.Quantization.Quantizers;
using Nabi.Ops;
using Nabi.Training;

namespace Nabi.Compression.Quantization;

/// <summary>How one layer is quantized while it is trained.</summary>
/// <param name="Weights">The method for its weight.</param>
/// <param name="WeightBits">Bits of a weight.</param>
/// <param name="Activations">The method for its input.</param>
/// <param name="ActivationBits">Bits of an element of its input.</param>
/// <param name="GradientBits">Bits of the gradient that comes back to its output; null leaves it in float.</param>
internal sealed record LayerQuantizers(Quantizer Weights, int WeightBits, Quantizer Activations, int ActivationBits, int? GradientBits = null);

/// <summary>
/// Puts quantizers where layers read their weight and their input. What else reads an activation, such as the addition of a residual branch, sees it as it is
/// (as in the networks of Zhou et al. 2016, Choi et al. 2018, Jung et al. 2019 and Esser et al. 2020).
/// </summary>
internal sealed class QuantizerInsertion
{
    private readonly IReadOnlyDictionary<Node, LayerQuantizers> _layers;
    private readonly IReadOnlyDictionary<string, ActivationSample> _samples;
    private readonly Rewriter _rewriter;
    private readonly Dictionary<(Value Value, Quantizer Quantizer, int Bits), Value> _quantized = [];
    private readonly List<(Quantizer Quantizer, QuantizerSite Site)> _sites = [];

    private QuantizerInsertion(Graph graph, IReadOnlyDictionary<Node, LayerQuantizers> layers, IReadOnlyDictionary<string, ActivationSample> samples) =>
        (_layers, _samples, _rewriter) = (layers, samples, new Rewriter(graph));

    /// <summary>Inserts the quantizers.</summary>
    /// <param name="graph">The float graph.</param>
    /// <param name="layers">The layers to quantize.</param>
    /// <param name="samples">What their inputs were seen to be, by name.</param>
    /// <param name="decay">The weight decay of the training.</param>
    /// <returns>The graph to train, and the terms that go into its loss.</returns>
    public static (Graph Graph, ValueArray<Penalty> Penalties) Insert(Graph graph, IReadOnlyDictionary<Node, LayerQuantizers> layers,
        IReadOnlyDictionary<string, ActivationSample> samples, double decay)
    {
        var insertion = new QuantizerInsertion(graph, layers, samples);
        foreach (var node in graph.Nodes) insertion._rewriter.Visit(node, insertion.Visit(node));
        var penalties = insertion._sites.GroupBy(s => s.Quantizer)
            .Select(g => g.Key.Penalty([.. g.SelectMany(s => s.Site.Learned)], decay)).OfType<Penalty>();
        return (insertion._rewriter.Finish(), [.. penalties]);
    }

    private IReadOnlyList<Value>? Visit(Node node)
    {
        if (!_layers.TryGetValue(node, out var quantizers)) return null;
        var (axes, inputs) = (WeightAxes.Of(node)!.Value, node.Inputs.Select(_rewriter.Map).ToArray());
        inputs[axes.Input] = Weight(node.Inputs[axes.Input]!, axes, quantizers);
        inputs[0] = Activation(node.Inputs[0]!, quantizers);
        var outputs = _rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs, [.. node.Outputs.Select(o => o.Name)]);
        return quantizers.GradientBits is { } bits ? [_rewriter.Builder.Apply(new GradientRounding { Bits = bits }, outputs[0])] : outputs;
    }

    private Value Weight(Value weight, WeightAxes axes, LayerQuantizers layer)
    {
        if (_quantized.TryGetValue((weight, layer.Weights, layer.WeightBits), out var known)) return known;
        var site = new QuantizerSite(_rewriter.Builder, _rewriter[weight], weight.Name, layer.WeightBits, weight.Data!.ToSingle(), weight.Shape.Count, axes.OutputAxis);
        _sites.Add((layer.Weights, site));
        return _quantized[(weight, layer.Weights, layer.WeightBits)] = layer.Weights.Weight(site);
    }

    private Value Activation(Value value, LayerQuantizers layer)
    {
        if (_quantized.TryGetValue((value, layer.Activations, layer.ActivationBits), out var known)) return known;
        var sample = _samples[value.Name];
        var site = new QuantizerSite(_rewriter.Builder, _rewriter[value], value.Name, layer.ActivationBits, sample.Values, sample.Elements);
        var quantizer = site.Min < 0 && !layer.Activations.TakesNegative ? new Lsq() : layer.Activations;
        _sites.Add((quantizer, site));
        return _quantized[(value, layer.Activations, layer.ActivationBits)] = quantizer.Activation(site);
    }
}
