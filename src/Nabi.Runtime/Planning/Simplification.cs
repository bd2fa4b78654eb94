using Nabi.Ops;

namespace Nabi.Runtime.Planning;

/// <summary>
/// Rewrites a graph whose shapes are known while it is copied: computes what depends on constants only, drops nodes that change nothing, and
/// does equal nodes once. Gradients that are written as compositions rely on it.
/// </summary>
internal sealed class Simplification(Rewriter rewriter)
{
    // A folded constant larger than this, and larger than all it is made from, would only cost memory.
    private const long LargestGrowth = 1 << 16;

    // Constants up to this many bytes are compared by content.
    private const int SmallConstant = 64;

    private readonly Dictionary<NodeKey, IReadOnlyList<Value>> _made = [];
    private readonly Dictionary<string, Value> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<Value, Value> _relus = [];

    /// <summary>What stands for the node's outputs.</summary>
    public IReadOnlyList<Value> Rule(Node node)
    {
        var inputs = node.Inputs.Select(v => v is null ? null : Canonical(rewriter[v])).ToArray();
        return Folded(node, inputs) ?? Unchanged(node, inputs) ?? Shared(node, inputs);
    }

    private IReadOnlyList<Value>? Folded(Node node, Value?[] inputs)
    {
        // Integer kernels want the stored weights behind a DequantizeLinear; floats that are read are computed once anyway.
        if (!node.Op.IsDeterministic || node.Op is DequantizeLinear) return null;
        if (node.Op is ShapeOf && inputs[0]!.Shape.IsKnown)
            return Constants(node, node.Op.Evaluate(new EvalContext([Tensor.Over(DType.Bool, inputs[0]!.Shape, new byte[inputs[0]!.Shape.Count])], 1, new Rng(0))));
        long bytes = 0;
        foreach (var input in inputs)
        {
            if (input is null) continue;
            if (input.Constant is null) return null;
            bytes += input.Constant.Bytes.Length;
        }
        if (node.Outputs.Any(o => o.Shape.IsKnown && o.Type.Bytes > Math.Max(bytes, LargestGrowth))) return null;
        return Constants(node, ReferenceEvaluator.Evaluate(node, [.. inputs.Select(v => v?.Constant)], new Rng(0)));
    }

    private Value[] Constants(Node node, IReadOnlyList<Tensor> tensors) => [.. node.Outputs.Select((o, i) => Canonical(rewriter.Builder.Constant(tensors[i], o.Name)))];

    private static Value[]? Unchanged(Node node, Value?[] inputs) =>
        IsIdleDropout(node, inputs) ? [inputs[0]!]
        : node.Op is Reshape or Identity or Flatten or Squeeze or Unsqueeze or Expand or Cast && inputs[0] is { } input
        && node.Output.DType == input.DType && input.Shape.IsKnown && node.Output.Shape.Equals(input.Shape) ? [input] : null;

    private static bool IsIdleDropout(Node node, Value?[] inputs) =>
        node.Op is Dropout && node.Outputs.Skip(1).All(o => o.UseCount == 0) && (inputs.Length < 3 || inputs[2] is null || inputs[2]!.Constant is { } mode && !mode.Bytes.ContainsAnyExcept((byte)0));

    private IReadOnlyList<Value> Shared(Node node, Value?[] inputs)
    {
        // x > 0 where Relu(x) > 0: asked of the result, x need not be kept for the backward pass.
        if (node.Op is Greater && inputs[1]!.Constant is { Count: 1 } zero && zero.DType == DType.Float32 && zero.Span<float>()[0] == 0 && _relus.TryGetValue(inputs[0]!, out var relu))
            inputs[0] = relu;
        var key = new NodeKey(node.Op, inputs);
        if (node.Op.IsDeterministic && _made.TryGetValue(key, out var known) && known.Count >= node.Outputs.Count) return known;
        var outputs = rewriter.Builder.ApplyNamed(node.Op, node.Name, node.Outputs.Count, inputs, [.. node.Outputs.Select(o => o.Name)]);
        _made[key] = outputs;
        if (node.Op is Relu) _relus[inputs[0]!] = outputs[0];
        return outputs;
    }

    private Value Canonical(Value value)
    {
        if (value.Constant is not { } data || data.Bytes.Length > SmallConstant) return value;
        var key = $"{data.Type} {Convert.ToHexString(data.Bytes)}";
        return _constants.TryGetValue(key, out var first) ? first : _constants[key] = value;
    }

    /// <summary>An operator and what it reads.</summary>
    private readonly struct NodeKey(Op op, Value?[] inputs) : IEquatable<NodeKey>
    {
        private readonly Op _op = op;
        private readonly Value?[] _inputs = inputs;

        public bool Equals(NodeKey other) => _op.Equals(other._op) && _inputs.AsSpan().SequenceEqual(other._inputs);

        public override bool Equals(object? obj) => obj is NodeKey other && Equals(other);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(_op);
            foreach (var input in _inputs) hash.Add(input);
            return hash.ToHashCode();
        }
    }
}
