using Nabi.Ops;
using Nabi.Runtime;

namespace Nabi.Compression.Pruning;

/// <summary>The numbers of a group whose size decides over a channel, and those that are cut off together with them.</summary>
internal sealed class ThresholdedChannels
{
    // The norm has no derivative at 0; a channel as small as this counts as zero.
    private const double SmallestSquare = 1e-12;

    private readonly ChannelGroup _group;

    private ThresholdedChannels(ChannelGroup group, IReadOnlyList<ChannelSlice> decisive, IReadOnlyList<ChannelSlice> shifts) => (_group, Decisive, Shifts) = (group, decisive, shifts);

    /// <summary>The scales of batch normalizations; the filters where there are none.</summary>
    public IReadOnlyList<ChannelSlice> Decisive { get; }

    /// <summary>Shifts of normalizations and biases: vectors that would leave a constant behind where the channel is zero.</summary>
    public IReadOnlyList<ChannelSlice> Shifts { get; }

    /// <summary>Those of a group; null when nothing makes its channels, they are not in order, or they share a parameter with another group.</summary>
    public static ThresholdedChannels? Of(ChannelGroup group)
    {
        var trained = group.Parameters.Where(p => p.Role != SliceRole.Input && p.At.Value is { IsTrainable: true, DType: DType.Float32 }).ToArray();
        if (trained.Any(p => p.Block * group.Count != p.At.Size)) return null;
        var scales = Array.FindAll(trained, p => p.At.Value.Users.Any(n => n.Op is BatchNormalization && n.Inputs[1] == p.At.Value));
        var decisive = scales.Length > 0 ? scales : Array.FindAll(trained, p => p.Role == SliceRole.Output && p.At.Value.Shape.Rank > 1);
        var shifts = Array.FindAll(trained, p => p.At.Value.Shape.Rank == 1 && !scales.Contains(p));
        return decisive.Length > 0 && decisive.Concat(shifts).All(IsInOrder) ? new ThresholdedChannels(group, decisive, shifts) : null;
    }

    /// <summary>The norm of each channel's decisive numbers.</summary>
    public float[] Norms()
    {
        var squares = new double[_group.Count];
        foreach (var slice in Decisive)
            for (var c = 0; c < squares.Length; c++)
                foreach (var w in slice.At.Value.Data!.Take(slice.At.Axis, slice.Elements[c]).Span<float>()) squares[c] += (double)w * w;
        return Array.ConvertAll(squares, s => (float)Math.Sqrt(s));
    }

    /// <summary>The graph in which thresholded numbers are computed from the parameters and one more parameter s per group.</summary>
    /// <returns>The graph, and the names of the parameters s, in the order of the groups.</returns>
    public static (Graph Graph, IReadOnlyList<string> Thresholds) Parameterize(Graph graph, IReadOnlyList<ThresholdedChannels> groups, float start)
    {
        var rewriter = new Rewriter(graph);
        var b = rewriter.Builder;
        var (cut, names) = (new Dictionary<Value, Value>(), new List<string>());
        foreach (var group in groups)
        {
            var threshold = b.Parameter($"{group._group.Name}.threshold", Tensor.Of([1], start));
            names.Add(threshold.Name);
            group.Cut(b, v => rewriter[v], threshold, cut);
        }
        foreach (var node in graph.Nodes)
        {
            if (!node.Inputs.Any(v => v is not null && cut.ContainsKey(v))) rewriter.Visit(node, null);
            else rewriter.Visit(node, b.ApplyNamed(node.Op, node.Name, node.Outputs.Count, [.. node.Inputs.Select(v => v is null ? null : cut.GetValueOrDefault(v) ?? rewriter[v])], [.. node.Outputs.Select(o => o.Name)]));
        }
        return (rewriter.Finish(), names);
    }

    /// <summary>The original graph with the numbers that training arrived at, thresholds applied.</summary>
    public static Graph Applied(Graph graph, Graph trained, IReadOnlyList<ThresholdedChannels> groups, IReadOnlyList<string> thresholds)
    {
        var tensors = graph.Parameters.ToDictionary(p => p.Name, p => trained.Parameter(p.Name)!.Data!, StringComparer.Ordinal);
        var b = new GraphBuilder("thresholds");
        var (cut, constants) = (new Dictionary<Value, Value>(), new Dictionary<Value, Value>());
        for (var g = 0; g < groups.Count; g++)
            groups[g].Cut(b, v => constants.TryGetValue(v, out var known) ? known : constants[v] = b.Constant(tensors[v.Name], v.Name), b.Constant(trained.Parameter(thresholds[g])!.Data!), cut);
        foreach (var (parameter, value) in cut) b.Output(parameter.Name, value);
        using var session = new Session(b.Build(), new SessionOptions { Threads = 1 });
        foreach (var (name, tensor) in session.Run(new Dictionary<string, Tensor>(StringComparer.Ordinal))) tensors[name] = tensor.Copy();
        return graph.WithParameters(tensors).WithMetadata(trained.Metadata);
    }

    // w ReLU(1 - g(s) / n) for the decisive numbers; shifts as they are where that is above zero, else 0.
    private void Cut(GraphBuilder b, Func<Value, Value> at, Value threshold, Dictionary<Value, Value> cut)
    {
        Value? squares = null;
        foreach (var slice in Decisive)
        {
            var axes = Enumerable.Range(0, slice.At.Value.Shape.Rank).Where(a => a != slice.At.Axis).ToArray();
            var w = at(slice.At.Value);
            var sum = axes.Length == 0 ? b.Square(w) : b.ReduceSum(b.Square(w), axes, keepdims: false);
            if (slice.Block > 1) sum = b.ReduceSum(b.Reshape(sum, [_group.Count, slice.Block]), [1], keepdims: false);
            squares = squares is null ? sum : b.Add(squares, sum);
        }
        var norm = b.Sqrt(b.Max(squares!, b.Scalar(SmallestSquare, squares!)));
        var factor = b.Relu(b.Sub(1, b.Div(b.Sigmoid(threshold), norm)));
        foreach (var slice in Decisive) cut[slice.At.Value] = b.Mul(at(slice.At.Value), Along(b, factor, slice));
        foreach (var slice in Shifts) cut[slice.At.Value] = b.Masked(at(slice.At.Value), b.Greater(Along(b, factor, slice), 0));
    }

    // One number per channel, spread over the elements of the slice's axis and shaped to multiply the parameter.
    private Value Along(GraphBuilder b, Value perChannel, ChannelSlice slice)
    {
        var value = slice.At.Value;
        if (slice.Block > 1) perChannel = b.Reshape(b.Apply(new Expand(), b.Reshape(perChannel, [_group.Count, 1]), b.Integers(_group.Count, slice.Block)), [value.Shape[slice.At.Axis]]);
        if (value.Shape.Rank == 1) return perChannel;
        var dims = new int[value.Shape.Rank];
        Array.Fill(dims, 1);
        dims[slice.At.Axis] = value.Shape[slice.At.Axis];
        return b.Reshape(perChannel, Shape.Create(dims));
    }

    // Element i of the axis belongs to channel i / block.
    private static bool IsInOrder(ChannelSlice slice)
    {
        for (var c = 0; c < slice.Elements.Count; c++)
            for (var i = 0; i < slice.Block; i++)
                if (slice.Elements[c][i] != c * slice.Block + i) return false;
        return true;
    }
}
