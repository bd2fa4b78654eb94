using Nabi.Ops;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Where a float graph is quantized: which nodes compute on integers, and which activations are rounded to int8 on the way.
/// The value between a layer and the activation function fused into it is not rounded.
/// </summary>
internal sealed class QuantizationSites
{
    private readonly Dictionary<Value, Value> _sources = [];
    private readonly Dictionary<Node, string> _kept = [];
    private readonly Dictionary<Node, Node> _biasAdds = [];
    private readonly Dictionary<Value, (Value Of, bool IsCurved)> _functions = [];
    private readonly List<Node> _layers = [];
    private readonly List<Value> _observed = [];
    private readonly List<(Node Node, Value Tail)> _reported = [];

    private QuantizationSites() { }

    /// <summary>Rounded activations; each is mapped to the one whose range it takes, usually itself.</summary>
    public IReadOnlyDictionary<Value, Value> Sources => _sources;

    /// <summary>Values to observe; the range of a grid covers all of its values.</summary>
    public IReadOnlyList<Value> Observed => _observed;

    /// <summary>Nodes to report on, in graph order, each with its output after a fused activation: layers, and what computes on integers
    /// besides.</summary>
    public IReadOnlyList<(Node Node, Value Tail)> Reported => _reported;

    /// <summary>Layers with weights that compute on integers, in graph order.</summary>
    public IReadOnlyList<Node> Layers => _layers;

    /// <summary>Layers that stay in float, and why.</summary>
    public IReadOnlyDictionary<Node, string> Kept => _kept;

    /// <summary>Additions of a bias after a matrix product, mapped to that product.</summary>
    public IReadOnlyDictionary<Node, Node> BiasAdds => _biasAdds;

    /// <summary>The bias that a layer adds, the value it is added in, and that value's axis of outputs; null when it adds none of its own.</summary>
    public (Value Bias, Value Sum, int Axis)? BiasOf(Node layer)
    {
        if (layer.Op is Conv or ConvTranspose or Gemm)
            return layer.Inputs.Count > 2 && layer.Inputs[2] is { Data: not null, Shape.Rank: 1 } own ? (own, layer.Output, 1) : null;
        var add = _biasAdds.FirstOrDefault(a => a.Value == layer).Key;
        return add is null ? null : (BiasOf(add, layer.Output)!, add.Output, add.Output.Shape.Rank - 1);
    }

    /// <summary>Finds the sites.</summary>
    /// <param name="graph">A float graph, batch normalization folded.</param>
    /// <param name="kept">Which layers to leave in float.</param>
    /// <param name="weightsOnly">Do activations stay in float, so that a layer needs no integer form?</param>
    /// <exception cref="NabiException">There is no node of a name to keep.</exception>
    public static QuantizationSites Of(Graph graph, KeptLayers kept, bool weightsOnly = false)
    {
        var sites = new QuantizationSites();
        var layers = graph.Nodes.Where(n => WeightAxes.Of(n) is not null).ToArray();
        foreach (var name in kept.Names)
            if (graph.Nodes.All(n => n.Name != name))
                throw new NabiException($"there is no node '{name}' to keep in float; layers are {string.Join(", ", layers.Select(l => l.Name))}");
        foreach (var layer in layers)
            if (((layer == layers[0] && kept.First ? "it is the first layer, which the recipe keeps"
                : layer == layers[^1] && kept.Last ? "it is the last layer, which the recipe keeps"
                : kept.Names.Contains(layer.Name) ? "the recipe names it"
                : kept.Grouped && layer.Op is ConvTranspose or Conv { Group: > 1 } ? "it is depthwise, grouped or transposed and holds few weights" : null)
                ?? WeightObstacle(layer, layers) ?? (weightsOnly ? null : IntegerObstacle(layer, graph))) is { } reason) sites._kept[layer] = reason;
        foreach (var node in graph.Nodes) sites.Visit(node, kept.Names);
        return sites;
    }

    private static string? WeightObstacle(Node layer, Node[] layers)
    {
        var axes = WeightAxes.Of(layer)!.Value;
        return layer.Inputs[axes.Input] is not { DType: DType.Float32, IsUpdated: false, Shape.Count: > 0 } weight ? "its weight is not fixed or not Float32"
            : layers.Any(l => l.Inputs.Contains(weight) && WeightAxes.Of(l) != axes) ? "another layer reads its weight along other axes" : null;
    }

    private static string? IntegerObstacle(Node layer, Graph graph) =>
        layer.Inputs[0]!.DType != DType.Float32 ? $"its input is {layer.Inputs[0]!.DType}, not Float32"
        : layer.Op is Gemm { Alpha: not 1 } or Gemm { Beta: not 1 } ? "its factors alpha and beta are not 1"
        : layer.Op is ConvTranspose ? "transposed convolutions have no integer form"
        : !graph.Inputs.Contains(layer.Inputs[0]!) && layer.Inputs[0]!.Producer is null ? "its input is a constant"
        : null;

    /// <summary>A layer's output after its bias and the activation function fused into it.</summary>
    public static Value TailOf(Node layer)
    {
        var output = layer.Output;
        if (layer.Op is MatMul && SingleUser(output) is { Op: Add } add && BiasOf(add, output) is not null) output = add.Output;
        return SingleUser(output) is { Op: Relu or Clip } activation && activation.Inputs[0] == output
            && activation.Inputs.Skip(1).All(v => v?.Constant is not null || v is null)
            ? activation.Output
            : output;
    }

    /// <summary>The one-dimensional parameter that an addition adds to a value; null when it adds something else.</summary>
    public static Value? BiasOf(Node add, Value to)
    {
        var other = add.Inputs[0] == to ? add.Inputs[1]! : add.Inputs[0]!;
        return other is { Data: not null, Shape.Rank: 1 } && other.Shape[0] == to.Shape[-1] ? other : null;
    }

    private static Node? SingleUser(Value value) => value is { IsOutput: false, Users.Count: 1 } ? value.Users[0] : null;

    private void Visit(Node node, ValueArray<string> keep)
    {
        if (_kept.ContainsKey(node)) _reported.Add((node, TailOf(node)));
        if (_kept.ContainsKey(node) || keep.Contains(node.Name) || node.Outputs[0].DType != DType.Float32) return;
        if (WeightAxes.Of(node) is not null)
        {
            _layers.Add(node);
            Own(node.Inputs[0]!);
            if (node.Op is MatMul && SingleUser(node.Output) is { Op: Add } add && BiasOf(add, node.Output) is not null) _biasAdds[add] = node;
            Report(node, TailOf(node));
            return;
        }
        if (_biasAdds.ContainsKey(node) || _sources.ContainsKey(node.Output) || IsFunction(node)) return;
        foreach (var input in node.Inputs)
            if (input is not null && _functions.TryGetValue(input, out var function) && function.IsCurved && !IsRounded(input)) Report(input.Producer!, input);
        switch (node.Op)
        {
            case Mul when node.Inputs.All(IsRounded) && node.Inputs.Any(v => v!.Shape.Rank > 2 && v.Shape.CountOf(2, v.Shape.Rank) == 1):
                Report(node, TailOf(node));
                break;
            case Add when node.Inputs.All(IsRounded):
                Report(node, TailOf(node));
                break;
            case Concat when node.Inputs.All(IsRounded):
                Report(node, node.Output);
                Join(node);
                break;
            case AveragePool or GlobalAveragePool or Relu or Clip or ReduceMean when IsRounded(node.Inputs[0]):
                Report(node, node.Output);
                break;
            case MaxPool or Reshape or Flatten or Squeeze or Unsqueeze or Transpose or Slice or Identity or GlobalMaxPool when IsRounded(node.Inputs[0]) && node.Outputs.Count == 1:
                _sources[node.Output] = _sources[node.Inputs[0]!];
                break;
            case Pad { Mode: "constant" } when IsRounded(node.Inputs[0])
                && (node.Inputs.Count < 3 || node.Inputs[2] is null || node.Inputs[2]!.Constant?.Item() == 0):
                _sources[node.Output] = _sources[node.Inputs[0]!];
                break;
        }
    }

    private bool IsRounded(Value? value) => value is not null && _sources.ContainsKey(value);

    // Elementwise nodes that read one rounded value and numbers are a function of its 256 integers. Where it is not just a line, its last value is rounded, for
    // whoever reads it.
    private bool IsFunction(Node node)
    {
        var isCurved = node.Op is Sigmoid or HardSigmoid or HardSwish or Swish or Gelu or Tanh or Erf or Softplus or Elu or LeakyRelu or Exp;
        if (!isCurved && node.Op is not (Add or Sub or Mul or Div)) return false;
        Value? of = null;
        foreach (var input in node.Inputs)
        {
            if (input is null or { Data.Count: 1 }) continue;
            var known = _functions.TryGetValue(input, out var function);
            if (!known && !IsRounded(input)) return false;
            var source = known && !IsRounded(input) ? function.Of : input;
            if (of is not null && of != source) return false;
            of = source;
            isCurved |= known && function.IsCurved && !IsRounded(input);
        }
        if (of is null || !node.Output.Shape.Equals(of.Shape)) return false;
        _functions[node.Output] = (of, isCurved);
        return true;
    }

    // Integers are concatenated as they are, so all parts and the whole lie on one grid.
    private void Join(Node concat)
    {
        var joined = concat.Inputs.Select(v => _sources[v!]).ToHashSet();
        foreach (var (value, source) in _sources.ToArray())
            if (joined.Contains(source)) _sources[value] = concat.Output;
    }

    private void Report(Node node, Value tail)
    {
        Own(tail);
        _reported.Add((node, tail));
    }

    private void Own(Value value)
    {
        if (_sources.TryAdd(value, value)) _observed.Add(value);
    }
}
