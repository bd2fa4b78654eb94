using Nabi.Ops;
using Nabi.Passes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Stores a network that was trained with quantizers: straight-through estimators go, what only parameters decide becomes constants, rounded weights become
/// integers (<see cref="Integers"/>), and batch normalization goes into the scales of the weights before it and into a bias. The integers of a
/// weight stay as trained, so the network computes what it was trained to compute; only a channel whose normalization has a
/// negative factor changes the sign of its integers.
/// </summary>
internal static class TrainedIntegers
{
    /// <summary>The passes, in order.</summary>
    public static IReadOnlyList<Pass> Passes { get; } =
    [
        RemoveStraightThrough.Pass,
        new("fix what parameters decide", graph => graph.Rewrite(Fixed)),
        Integers.Pass,
        new("fold batch normalization into scales", FoldNormalization),
    ];

    // The weights a layer that was not quantized computes its weight from can still be trained afterwards.
    private static IReadOnlyList<Value>? Fixed(Node node, Rewriter rewriter)
    {
        if (node.Op is FakeQuantize or DequantizeLinear || !node.Op.IsDeterministic || node.Inputs.Count == 0) return null;
        var inputs = node.Inputs.Select(rewriter.Map).ToArray();
        if (!inputs.All(v => v is null or { Data: not null, IsUpdated: false })) return null;
        var tensors = ReferenceEvaluator.Evaluate(node, [.. inputs.Select(v => v?.Data)], new Rng(0));
        return [.. node.Outputs.Select((o, i) => rewriter.Builder.Parameter(o.Name, tensors[i], inputs.Any(v => v is { IsTrainable: true }) && o.DType.IsFloat()))];
    }

    private static Graph FoldNormalization(Graph graph)
    {
        var folds = graph.Nodes.Select(Fold.Find).OfType<Fold>().ToDictionary(f => f.Norm);
        var gone = folds.Values.SelectMany(f => new[] { f.Layer, f.Weight }).ToHashSet();
        var rewriter = new Rewriter(graph);
        foreach (var node in graph.Nodes)
            rewriter.Visit(node, gone.Contains(node) ? [] : folds.TryGetValue(node, out var fold) ? [fold.Emit(rewriter)] : null);
        return rewriter.Finish();
    }

    /// <summary>A layer on integer weights, the normalization behind it and the factor and shift of each channel.</summary>
    private sealed record Fold(Node Layer, Node Weight, Node Norm, int OutputAxis, double[] Factors, double[] Shifts)
    {
        public static Fold? Find(Node norm)
        {
            if (norm is not { Op: BatchNormalization { TrainingMode: false } op, Inputs: [{ UseCount: 1, Producer: { } layer }, ..] }) return null;
            if (layer.Op is not (Conv or Gemm { TransA: false, Alpha: 1, Beta: 1 }) || layer.Inputs[1] is not { UseCount: 1, Producer: { Op: DequantizeLinear { BlockSize: 0 } } weight }) return null;
            if (weight.Inputs is not [{ Data: not null }, { Data: not null }, ..] || (weight.Inputs.Count > 2 && weight.Inputs[2] is not null)) return null;
            if (norm.Inputs.Skip(1).Any(v => v is not { Data: not null, IsUpdated: false })) return null;
            var bias = layer.Inputs.Count > 2 ? layer.Inputs[2] : null;
            if (bias is not null && (bias.Data is null || bias.Shape.Count != norm.Inputs[1]!.Shape.Count)) return null;
            var (factors, shifts) = (Numbers(norm.Inputs[1]!), Numbers(norm.Inputs[2]!));
            var (mean, variance, old) = (Numbers(norm.Inputs[3]!), Numbers(norm.Inputs[4]!), bias is null ? null : Numbers(bias));
            for (var c = 0; c < factors.Length; c++)
            {
                factors[c] /= Math.Sqrt(variance[c] + op.Epsilon);
                shifts[c] += factors[c] * ((old?[c] ?? 0) - mean[c]);
            }
            return new Fold(layer, weight, norm, layer.Op is Gemm { TransB: false } ? 1 : 0, factors, shifts);
        }

        public Value Emit(Rewriter r)
        {
            var b = r.Builder;
            var (numbers, scales) = Scaled();
            var weight = b.ApplyNamed(new DequantizeLinear { Axis = OutputAxis }, Weight.Name, 1,
                [b.Constant(numbers, Weight.Inputs[0]!.Name), b.Constant(scales, Weight.Inputs[1]!.Name), null], [Weight.Output.Name])[0];
            var bias = b.Constant(Tensor.Vector<float>(Array.ConvertAll(Shifts, s => (float)s)), $"{Layer.Name}.bias");
            return b.ApplyNamed(Layer.Op, Layer.Name, 1, [r[Layer.Inputs[0]!], weight, bias], [Norm.Output.Name])[0];
        }

        // A factor of zero leaves integers of zero, and any scale.
        private (Tensor Numbers, Tensor Scales) Scaled()
        {
            var (stored, old) = (Weight.Inputs[0]!.Data!, Weight.Inputs[1]!.Data!.ToSingle());
            var integers = stored.Cast(DType.Int32).Copy();
            var values = integers.Span<int>();
            var inner = stored.Shape.CountOf(OutputAxis + 1, stored.Shape.Rank);
            var (least, most) = (0, 0);
            for (var i = 0; i < values.Length; i++)
            {
                values[i] *= Math.Sign(Factors[i / inner % Factors.Length]);
                (least, most) = (Math.Min(least, values[i]), Math.Max(most, values[i]));
            }
            var scales = new float[Factors.Length];
            for (var c = 0; c < scales.Length; c++)
                scales[c] = Factors[c] == 0 ? 1 : (float)(Math.Abs(Factors[c]) * old[old.Length == 1 ? 0 : c]);
            var type = stored.DType == DType.Int4 && (least < -8 || most > 7) ? DType.Int8 : stored.DType;
            return (integers.Cast(type), Tensor.Vector<float>(scales));
        }

        private static double[] Numbers(Value value) => value.Data!.Cast(DType.Float64).Span<double>().ToArray();
    }
}
