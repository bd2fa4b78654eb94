using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Puts <see cref="FakeQuantize"/> where a graph will be quantized, so that it computes in float exactly what the integer graph
/// will: activations asymmetric per tensor, weights symmetric per output channel in [-127, 127], biases as 32-bit integers whose scale
/// is the product of input and weight scale (Jacob et al. 2018, section 2.4). The result can be trained; the gradient passes straight through.
/// </summary>
internal sealed class FakeQuantization
{
    private readonly QuantizationSites _sites;
    private readonly IReadOnlyDictionary<Value, QuantizationRange> _ranges;
    private readonly bool _learnsRanges;
    private readonly bool _perChannel;
    private readonly Rewriter _rewriter;
    private readonly Dictionary<Value, (Value Scale, Value ZeroPoint)> _grids = [];
    private readonly Dictionary<Value, Value> _rounded = [];
    private readonly Dictionary<Value, (Value Weight, Value Scale)> _weights = [];

    private FakeQuantization(Graph graph, QuantizationSites sites, IReadOnlyDictionary<Value, QuantizationRange> ranges, bool perChannel,
        bool learnsRanges)
    {
        (_sites, _ranges, _perChannel, _learnsRanges) = (sites, ranges, perChannel, learnsRanges);
        _rewriter = new Rewriter(graph);
    }

    /// <summary>Rounded values are named after the original with this at the end.</summary>
    public const string Suffix = ".rounded";

    /// <summary>Inserts the nodes.</summary>
    /// <param name="graph">The float graph.</param>
    /// <param name="sites">Where.</param>
    /// <param name="ranges">A range for every activation that has its own.</param>
    /// <param name="perChannel">One weight scale per output channel, rather than one per tensor?</param>
    /// <param name="learnsRanges">Are the scales parameters that training changes?</param>
    public static Graph Insert(Graph graph, QuantizationSites sites, IReadOnlyDictionary<Value, QuantizationRange> ranges,
        bool perChannel = true, bool learnsRanges = false)
    {
        var insertion = new FakeQuantization(graph, sites, ranges, perChannel, learnsRanges);
        foreach (var input in graph.Inputs.Where(sites.Sources.ContainsKey))
            insertion._rounded[input] = insertion.Round(input, insertion._rewriter[input]);
        foreach (var node in graph.Nodes) insertion._rewriter.Visit(node, insertion.Visit(node));
        return insertion._rewriter.Finish();
    }

    private IReadOnlyList<Value> Visit(Node node)
    {
        var inputs = node.Inputs.Select(v => v is null ? null : _rounded.GetValueOrDefault(v) ?? _rewriter[v]).ToArray();
        if (_sites.Layers.Contains(node)) RoundParameters(node, inputs);
        if (_sites.BiasAdds.TryGetValue(node, out var product))
        {
            var bias = QuantizationSites.BiasOf(node, product.Output)!;
            inputs[node.Inputs[0] == bias ? 0 : 1] = RoundBias(bias, product);
        }
        var outputs = _rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs,
            [.. node.Outputs.Select(o => o.Name)]).ToArray();
        for (var i = 0; i < outputs.Length; i++)
            if (_sites.Sources.ContainsKey(node.Outputs[i])) outputs[i] = Round(node.Outputs[i], outputs[i]);
        return outputs;
    }

    private void RoundParameters(Node layer, Value?[] inputs)
    {
        var axes = WeightAxes.Of(layer)!.Value;
        inputs[axes.Input] = RoundWeight(layer, axes).Weight;
        if (layer.Inputs.Count > 2 && layer.Inputs[2] is { Data: not null } bias) inputs[2] = RoundBias(bias, layer);
    }

    private (Value Weight, Value Scale) RoundWeight(Node layer, WeightAxes axes)
    {
        var weight = layer.Inputs[axes.Input]!;
        if (_weights.TryGetValue(weight, out var known)) return known;
        var inputScale = Grid(layer.Inputs[0]!).Scale.Data!.ToSingle()[0];
        var bias = layer.Inputs.Count > 2 ? layer.Inputs[2]?.Data?.ToSingle() : null;
        var scales = WeightScales(weight.Data!, axes.OutputAxis, _perChannel, inputScale, bias);
        var scale = _rewriter.Builder.Parameter($"{weight.Name}.scale", Tensor.Vector<float>(scales), _learnsRanges);
        var rounded = Apply(weight.Name, _rewriter[weight], scale, null, axes.OutputAxis, -127, 127);
        return _weights[weight] = (rounded, scale);
    }

    // The bias is added to the sum of products, so its unit is theirs: input scale times weight scale.
    private Value RoundBias(Value bias, Node layer)
    {
        var (_, weightScale) = RoundWeight(layer, WeightAxes.Of(layer)!.Value);
        var scale = _rewriter.Builder.Mul(Grid(layer.Inputs[0]!).Scale, weightScale);
        return Apply(bias.Name, _rewriter[bias], scale, null, 0, -Integers.BiasLimit, Integers.BiasLimit);
    }

    private Value Round(Value old, Value value)
    {
        var (scale, zeroPoint) = Grid(old);
        return Apply(old.Name, value, scale, zeroPoint, 1, -128, 127);
    }

    private Value Apply(string name, Value x, Value scale, Value? zeroPoint, int axis, int min, int max) =>
        _rewriter.Builder.ApplyNamed(new FakeQuantize { Axis = axis, QMin = min, QMax = max }, name + Suffix, 1, [x, scale, zeroPoint])[0];

    private (Value Scale, Value ZeroPoint) Grid(Value old)
    {
        var source = _sites.Sources[old];
        if (_grids.TryGetValue(source, out var grid)) return grid;
        var (scale, zeroPoint) = _ranges[source].Int8();
        return _grids[source] = (
            _rewriter.Builder.Parameter($"{source.Name}.scale", Tensor.Vector(scale), _learnsRanges),
            _rewriter.Builder.Constant(Tensor.Vector(zeroPoint), $"{source.Name}.zero_point"));
    }

    /// <summary>
    /// Largest magnitude over 127, per output channel; larger where the bias, in units of input times weight scale, would not fit its
    /// integer.
    /// </summary>
    internal static float[] WeightScales(Tensor weight, int axis, bool perChannel, float inputScale, float[]? bias)
    {
        var scales = new float[perChannel ? weight.Shape[axis] : 1];
        var inner = weight.Shape.CountOf(axis + 1, weight.Shape.Rank);
        var values = weight.ToSingle();
        for (var i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i])) throw new NabiException("a weight is NaN or infinite, so that the layer cannot be quantized");
            ref var scale = ref scales[perChannel ? i / inner % scales.Length : 0];
            scale = Math.Max(scale, Math.Abs(values[i]));
        }
        for (var c = 0; c < scales.Length; c++) scales[c] = Math.Max(scales[c] / 127, 1e-12f);
        for (var i = 0; bias is not null && i < bias.Length; i++)
        {
            ref var scale = ref scales[scales.Length == bias.Length ? i : 0];
            scale = Math.Max(scale, Math.Abs(bias[i]) / (inputScale * (Integers.BiasLimit / 2)));
        }
        return scales;
    }
}
