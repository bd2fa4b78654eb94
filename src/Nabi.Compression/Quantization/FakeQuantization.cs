using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Puts <see cref="FakeQuantize"/> where a graph will be quantized, so that it computes in float exactly what the integer graph
/// will: activations per tensor, weights as their <see cref="WeightFormat"/> says, biases as 32-bit integers whose scale is the product of input
/// and weight scale (Jacob et al. 2018, section 2.4). The result can be trained; the gradient passes straight through. Weights with a scale per group
/// of inputs are stored as integers at once and cannot be trained.
/// </summary>
internal sealed class FakeQuantization
{
    private readonly QuantizationSites _sites;
    private readonly IReadOnlyDictionary<Value, QuantizationRange> _ranges;
    private readonly QuantizationSettings _settings;
    private readonly Rewriter _rewriter;
    private readonly Dictionary<Value, (Value Scale, Value ZeroPoint)> _grids = [];
    private readonly Dictionary<Value, Value> _rounded = [];
    private readonly Dictionary<Value, (Value Weight, Value? Scale)> _weights = [];

    private FakeQuantization(Graph graph, QuantizationSites sites, IReadOnlyDictionary<Value, QuantizationRange> ranges, QuantizationSettings settings)
    {
        (_sites, _ranges, _settings) = (sites, ranges, settings);
        _rewriter = new Rewriter(graph);
    }

    /// <summary>Rounded values are named after the original with this at the end.</summary>
    public const string Suffix = ".rounded";

    /// <summary>Inserts the nodes.</summary>
    /// <param name="graph">The float graph.</param>
    /// <param name="sites">Where.</param>
    /// <param name="ranges">A range for every activation that has its own.</param>
    /// <param name="settings">To which integers.</param>
    public static Graph Insert(Graph graph, QuantizationSites sites, IReadOnlyDictionary<Value, QuantizationRange> ranges, QuantizationSettings settings)
    {
        var insertion = new FakeQuantization(graph, sites, ranges, settings);
        foreach (var input in graph.Inputs.Where(insertion.IsRounded))
            insertion._rounded[input] = insertion.Round(input, insertion._rewriter[input]);
        foreach (var node in graph.Nodes) insertion._rewriter.Visit(node, insertion.Visit(node));
        return insertion._rewriter.Finish();
    }

    private IReadOnlyList<Value> Visit(Node node)
    {
        var inputs = node.Inputs.Select(v => v is null ? null : _rounded.GetValueOrDefault(v) ?? _rewriter[v]).ToArray();
        if (_sites.Layers.Contains(node)) RoundParameters(node, inputs);
        if (_sites.BiasAdds.TryGetValue(node, out var product) && _settings.IsSummedAsIntegers(product))
        {
            var bias = QuantizationSites.BiasOf(node, product.Output)!;
            inputs[node.Inputs[0] == bias ? 0 : 1] = RoundBias(bias, product);
        }
        var outputs = _rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs,
            [.. node.Outputs.Select(o => o.Name)]).ToArray();
        for (var i = 0; i < outputs.Length; i++)
            if (IsRounded(node.Outputs[i])) outputs[i] = Round(node.Outputs[i], outputs[i]);
        return outputs;
    }

    private void RoundParameters(Node layer, Value?[] inputs)
    {
        var axes = WeightAxes.Of(layer)!.Value;
        inputs[axes.Input] = RoundWeight(layer, axes).Weight;
        if (_settings.IsSummedAsIntegers(layer) && layer.Inputs.Count > 2 && layer.Inputs[2] is { Data: not null } bias) inputs[2] = RoundBias(bias, layer);
    }

    private bool IsRounded(Value value) => _settings.Activations is not null && _sites.Sources.ContainsKey(value);

    private (Value Weight, Value? Scale) RoundWeight(Node layer, WeightAxes axes)
    {
        var weight = layer.Inputs[axes.Input]!;
        if (_weights.TryGetValue(weight, out var known)) return known;
        var b = _rewriter.Builder;
        var grid = WeightGrid.Fit(weight.Data!, axes, _settings.WeightsOf(layer));
        if (grid.Block > 0) return _weights[weight] = (Integers.Stored(b, weight, grid), null);
        if (_settings.IsSummedAsIntegers(layer))
            WidenForBias(grid.Scales.Span<float>(), Grid(layer.Inputs[0]!).Scale.Data!.ToSingle()[0], _sites.BiasOf(layer)?.Bias.Data!.ToSingle());
        var scale = b.Parameter($"{weight.Name}.scale", grid.Scales, _settings.LearnsRanges);
        var zero = grid.Zeros is null ? null : b.Constant(grid.Zeros.Cast(grid.Format.Stored), $"{weight.Name}.zero_point");
        return _weights[weight] = (Apply(weight.Name, _rewriter[weight], scale, zero, axes.OutputAxis, grid.Format.Min, grid.Format.Max), scale);
    }

    // The bias is added to the sum of products, so its unit is theirs: input scale times weight scale.
    private Value RoundBias(Value bias, Node layer)
    {
        var (_, weightScale) = RoundWeight(layer, WeightAxes.Of(layer)!.Value);
        var scale = _rewriter.Builder.Mul(Grid(layer.Inputs[0]!).Scale, weightScale!);
        return Apply(bias.Name, _rewriter[bias], scale, null, 0, -Integers.BiasLimit, Integers.BiasLimit);
    }

    private Value Round(Value old, Value value)
    {
        var (scale, zeroPoint) = Grid(old);
        var format = _settings.Activations!.Value;
        return Apply(old.Name, value, scale, zeroPoint, 1, format.Min, format.Max);
    }

    private Value Apply(string name, Value x, Value scale, Value? zeroPoint, int axis, int min, int max) =>
        _rewriter.Builder.ApplyNamed(new FakeQuantize { Axis = axis, QMin = min, QMax = max }, name + Suffix, 1, [x, scale, zeroPoint])[0];

    private (Value Scale, Value ZeroPoint) Grid(Value old)
    {
        var source = _sites.Sources[old];
        if (_grids.TryGetValue(source, out var grid)) return grid;
        var format = _settings.Activations!.Value;
        var (scale, zeroPoint) = format.Cover(_ranges[source]);
        return _grids[source] = (
            _rewriter.Builder.Parameter($"{source.Name}.scale", Tensor.Vector(scale), _settings.LearnsRanges),
            _rewriter.Builder.Constant(Tensor.Vector(zeroPoint).Cast(IntegerFormat.Holding(format.Min, format.Max)), $"{source.Name}.zero_point"));
    }

    /// <summary>Makes weight scales larger where the bias, in units of input times weight scale, would not fit its integer.</summary>
    internal static void WidenForBias(Span<float> scales, float inputScale, float[]? bias)
    {
        for (var i = 0; bias is not null && i < bias.Length; i++)
        {
            ref var scale = ref scales[scales.Length == bias.Length ? i : 0];
            scale = Math.Max(scale, Math.Abs(bias[i]) / (inputScale * (Integers.BiasLimit / 2)));
        }
    }
}
