using Nabi.Ops;
using Nabi.Runtime.Kernels;
using Nabi.Runtime.Planning;
using Nabi.Runtime.Planning.Quantized;

namespace Nabi.Runtime;

/// <summary>
/// Runs a quantized graph in the arithmetic of the integer kernels, by plain loops: what a session computes on integers between QuantizeLinear
/// and DequantizeLinear is computed here with exact sums and <see cref="Requantizer"/>, everything else by the operators' reference evaluation. Integer
/// results equal those of a session bit for bit, at every register width and number of threads.
/// </summary>
public static class QuantizedReference
{
    /// <summary>Runs the graph once.</summary>
    /// <param name="graph">A graph whose shapes follow from those of its inputs.</param>
    /// <param name="inputs">A tensor for every input, by name.</param>
    /// <returns>The outputs by name.</returns>
    /// <exception cref="NabiException">An input is missing or does not fit, or shapes depend on data.</exception>
    public static IReadOnlyDictionary<string, Tensor> Run(Graph graph, IReadOnlyDictionary<string, Tensor> inputs)
    {
        var given = graph.Inputs.Select(i => inputs.TryGetValue(i.Name, out var t) ? t
            : throw new NabiException($"Input '{i.Name}' of graph '{graph.Name}' was not given; it is {i.Type}.")).ToArray();
        var bound = Binding.Bind(graph, [.. given.Select(t => t.Shape)])
            ?? throw new NabiException($"Graph '{graph.Name}' has shapes that depend on data; it cannot be run on integers.");
        var values = new Dictionary<Value, Tensor>();
        for (var i = 0; i < given.Length; i++) values[bound.Inputs[i]] = given[i];
        foreach (var p in bound.Parameters) values[p] = p.Data!;
        var rng = new Rng(0);
        var fusion = Fusion.Of(bound);
        foreach (var node in bound.Nodes)
        {
            if (fusion.QuantizedOf(node) is { } match)
            {
                values[match.Result] = Evaluate(match, values);
                continue;
            }
            if (node.Inputs.Any(v => v is not null && !values.ContainsKey(v))) continue;   // between the nodes of a match
            var outputs = ReferenceEvaluator.Evaluate(node, [.. node.Inputs.Select(v => v is null ? null : values[v])], rng);
            for (var i = 0; i < node.Outputs.Count; i++) values[node.Outputs[i]] = outputs[i];
        }
        return bound.Outputs.ToDictionary(o => o.Name, o => values[o.Value], StringComparer.Ordinal);
    }

    private static Tensor Evaluate(QuantizedMatch match, Dictionary<Value, Tensor> values) => match switch
    {
        QuantizedProduct product => Product(product, values[product.Input.Stored]),
        QuantizedSum sum => Sum(sum, values[sum.A.Stored], values[sum.B.Stored]),
        QuantizedMean mean => Mean(mean, values[mean.Input.Stored]),
        QuantizedGating gating => Gated(gating, values[gating.Input.Stored], values[gating.Gate.Stored]),
        QuantizedFunction function => Mapped(function, values[function.Input.Stored]),
        QuantizedMaximum maximum => ReferenceEvaluator.Evaluate(match.Root, [values[maximum.Input.Stored]], new Rng(0))[0],
        _ => throw new InvalidOperationException($"No reference for {match.GetType().Name}."),
    };

    // Sums of products of integers are exact in double precision.
    private static Tensor Product(QuantizedProduct match, Tensor stored)
    {
        var (x, w) = (Centered(stored, match.Input.Format), match.Weights.Cast(DType.Float64));
        Op op = match.Root.Op is Conv conv ? conv : new Ops.Gemm { TransB = true };
        if (op is not Conv) x = x.Reshape([x.Count / w.Shape[1], w.Shape[1]]);
        var sums = op.Evaluate(new EvalContext([x, w], 1, new Rng(0)))[0];
        var filters = match.WeightScales.Length;
        var inner = op is Conv ? sums.Shape.CountOf(2, sums.Shape.Rank) : 1;
        var rules = Array.ConvertAll(match.WeightScales, s => Requantizer.Of((double)match.Input.Format.Scale * s / match.Output.Scale));
        return Stored(match, sums.Count, i =>
        {
            var o = i / inner % filters;
            var sum = (int)sums.Span<double>()[i] + (match.Bias?[o] ?? 0);
            return rules[o].Apply(sum, match.Output.ZeroPoint, match.Low, match.High);
        });
    }

    private static Tensor Sum(QuantizedSum match, Tensor left, Tensor right)
    {
        var (a, b) = (Centered(left, match.A.Format), Centered(right, match.B.Format));
        var (ma, mb) = ((double)match.A.Format.Scale / match.Output.Scale, (double)match.B.Format.Scale / match.Output.Scale);
        var shift = Requantizer.Of(Math.Max(ma, mb)).Shift;
        var (qa, qb) = ((long)Math.Round(Math.ScaleB(ma, shift), MidpointRounding.ToEven), (long)Math.Round(Math.ScaleB(mb, shift), MidpointRounding.ToEven));
        return Stored(match, a.Count, i =>
        {
            var sum = Requantizer.Round(((long)a.Span<double>()[i] * qa) + ((long)b.Span<double>()[i] * qb), shift);
            return (int)Math.Clamp(match.Output.ZeroPoint + sum, match.Low, match.High);
        });
    }

    private static Tensor Mean(QuantizedMean match, Tensor stored)
    {
        var x = Centered(stored, match.Input.Format);
        // The mean of a window times the number of its elements is its sum; with padding left out, ones say how many those are.
        var (means, ones) = (Pooled(match.Root.Op, x), Tensor.Full(x.Shape, 1.0));
        var countsPadding = match.Root.Op is AveragePool { CountIncludePad: true };
        var window = match.Root.Op is AveragePool pool ? pool.Resolve(x.Shape).TapCount : x.Shape.CountOf(2, x.Shape.Rank);
        var inside = match.Root.Op is AveragePool average ? Pooled(average with { CountIncludePad = true }, ones) : Pooled(match.Root.Op, ones);
        return Stored(match, means.Count, i =>
        {
            var seen = (int)Math.Round(inside.Span<double>()[i] * window);
            var count = Math.Max(1, countsPadding ? window : seen);
            var sum = (int)Math.Round(means.Span<double>()[i] * count);
            return Requantizer.Of(match.Input.Format.Scale / ((double)match.Output.Scale * count)).Apply(sum, match.Output.ZeroPoint, match.Output.Min, match.Output.Max);
        });
    }

    private static Tensor Gated(QuantizedGating match, Tensor images, Tensor gates)
    {
        var (x, gate, kernel) = (Centered(images, match.Input.Format), Centered(gates, match.Gate.Format), match.Kernel);
        return Stored(match, x.Count, i =>
            kernel.Rule.Apply((int)(x.Span<double>()[i] * gate.Span<double>()[i / kernel.Pixels]), match.Output.ZeroPoint, match.Low, match.High));
    }

    private static Tensor Mapped(QuantizedFunction match, Tensor stored) => Stored(match, stored.Count, i => match.Table.Bytes[stored.Bytes[i]]);

    private static Tensor Pooled(Op op, Tensor x) => op.Evaluate(new EvalContext([x], 1, new Rng(0)))[0];

    private static Tensor Centered(Tensor stored, QuantizedFormat format)
    {
        var result = stored.Cast(DType.Float64);
        if (result == stored) result = stored.Copy();
        foreach (ref var e in result.Span<double>()) e -= format.ZeroPoint;
        return result;
    }

    private static Tensor Stored(QuantizedMatch match, int count, Func<int, int> element)
    {
        var result = Tensor.Empty(match.Result.DType, match.Result.Shape);
        for (var i = 0; i < count; i++) result.Bytes[i] = (byte)element(i);
        return result;
    }
}
