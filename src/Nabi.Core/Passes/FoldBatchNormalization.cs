using Nabi.Ops;

namespace Nabi.Passes;

/// <summary>
/// Folds batch normalization with fixed statistics into the Conv, ConvTranspose, Gemm, MatMul or MatMul and Add before it, when nothing else
/// reads that result: y = s (W x + c - mean) + b is W' x + c' with s = scale / sqrt(variance + epsilon), W' = s W, c' = s (c - mean) + b.
/// The folded weights keep their names and stay trainable if they were.
/// </summary>
public static class FoldBatchNormalization
{
    /// <summary>The pass.</summary>
    public static Pass Pass { get; } = new("fold batch normalization", Run);

    private static Graph Run(Graph graph)
    {
        var folds = graph.Nodes.Select(Fold.Find).OfType<Fold>().ToDictionary(f => f.Norm);
        if (folds.Count == 0) return graph;
        var gone = folds.Values.SelectMany(f => f.Absorbed).ToHashSet();
        var tensors = folds.Values.SelectMany(f => f.Replaced()).ToDictionary(p => p.Parameter, p => p.Tensor);
        var rewriter = new Rewriter(graph, parameter: p => tensors.GetValueOrDefault(p, p.Data!));
        foreach (var node in graph.Nodes)
        {
            if (gone.Contains(node)) rewriter.Visit(node, []);
            else rewriter.Visit(node, folds.TryGetValue(node, out var fold) ? [fold.Emit(rewriter)] : null);
        }
        return rewriter.Finish();
    }

    // A linear node, perhaps the Add of its bias, and the normalization that is folded into them.
    private sealed record Fold(Node Linear, Node? BiasAdd, Node Norm, Value Weight, Value? Bias, Tensor NewWeight, Tensor NewBias)
    {
        public IEnumerable<Node> Absorbed => BiasAdd is null ? [Linear] : [Linear, BiasAdd];

        public static Fold? Find(Node norm)
        {
            if (norm is not { Op: BatchNormalization { TrainingMode: false } op, Inputs: [{ UseCount: 1, Producer: { } before } x, ..] }) return null;
            var (linear, add, bias) = before is { Op: Add } ? Biased(before) : (before, null, null);
            if (linear is null || linear.Inputs.Count < 2 || !IsFoldable(linear.Op, x.Shape)) return null;
            if (linear.Op is Conv or ConvTranspose or Gemm && linear.Inputs.Count > 2) bias = linear.Inputs[2];
            var weight = linear.Inputs[1];
            if (!IsFixed(weight) || (bias is not null && !IsFixed(bias)) || !norm.Inputs.Skip(1).All(IsFixed)) return null;

            var (scale, shift) = (Numbers(norm.Inputs[1]!), Numbers(norm.Inputs[2]!));
            var (mean, variance) = (Numbers(norm.Inputs[3]!), Numbers(norm.Inputs[4]!));
            if (bias is not null && bias.Shape.Count != 1 && (bias.Shape.Count != scale.Length || bias.Shape[-1] != scale.Length)) return null;
            var old = bias is null ? [0.0] : Numbers(bias);
            var beta = linear.Op is Gemm gemm ? gemm.Beta : 1;
            for (var c = 0; c < scale.Length; c++)
            {
                scale[c] /= Math.Sqrt(variance[c] + op.Epsilon);
                shift[c] += scale[c] * (beta * old[old.Length == 1 ? 0 : c] - mean[c]);
            }
            var newBias = Tensor.Vector<double>(shift).Cast(weight!.DType);
            return new Fold(linear, add, norm, weight, bias, Scaled(linear.Op, weight.Data!, scale), newBias);
        }

        /// <summary>Parameters nobody else reads take the folded numbers in place.</summary>
        public IEnumerable<(Value Parameter, Tensor Tensor)> Replaced()
        {
            if (Weight.UseCount == 1) yield return (Weight, NewWeight);
            if (KeepsBias) yield return (Bias!, NewBias);
        }

        public Value Emit(Rewriter r)
        {
            var b = r.Builder;
            var x = r[Linear.Inputs[0]!];
            var weight = Weight.UseCount == 1 ? r[Weight] : b.Parameter($"{Weight.Name}.folded", NewWeight, Weight.IsTrainable);
            var bias = KeepsBias ? r[Bias!] : b.Parameter($"{Linear.Name}.bias", NewBias, Weight.IsTrainable);
            var op = Linear.Op is Gemm gemm ? gemm with { Beta = 1 } : Linear.Op;
            if (op is not MatMul) return b.ApplyNamed(op, Linear.Name, 1, [x, weight, bias], [Norm.Output.Name])[0];
            var product = b.ApplyNamed(op, Linear.Name, 1, [x, weight], [Linear.Output.Name])[0];
            return b.ApplyNamed(new Add(), BiasAdd?.Name ?? $"{Linear.Name}.add", 1, [product, bias], [Norm.Output.Name])[0];
        }

        private bool KeepsBias => Bias is { UseCount: 1 } && Bias.Type == NewBias.Type;

        private static (Node?, Node?, Value?) Biased(Node add)
        {
            for (var i = 0; i < 2; i++)
                if (add.Inputs[i] is { UseCount: 1, Producer: { Op: MatMul } matMul } && IsFixed(add.Inputs[1 - i])) return (matMul, add, add.Inputs[1 - i]);
            return default;
        }

        // For products, channels are the last axis only when there are two.
        private static bool IsFoldable(Op op, Shape output) => op is Conv or ConvTranspose || (op is Gemm or MatMul && output.IsRanked && output.Rank == 2);

        private static bool IsFixed(Value? value) => value is { Data: not null, IsUpdated: false } && value.DType.IsFloat();

        private static double[] Numbers(Value value) => value.Data!.Cast(DType.Float64).Span<double>().ToArray();

        private static Tensor Scaled(Op op, Tensor weight, double[] scale)
        {
            var result = weight.Cast(DType.Float64).Copy();
            var numbers = result.Span<double>();
            for (var i = 0; i < numbers.Length; i++) numbers[i] *= scale[Channel(op, weight.Shape, i, scale.Length)];
            return result.Cast(weight.DType);
        }

        // The output channel that element i of the weight contributes to.
        private static int Channel(Op op, Shape weight, int i, int channels)
        {
            switch (op)
            {
                case Conv: return i / weight.CountOf(1, weight.Rank);
                case Gemm { TransB: true }: return i / weight[1];
                case ConvTranspose transposed:
                    var perGroup = weight[1];
                    var row = i / weight.CountOf(2, weight.Rank);
                    return row / perGroup / (weight[0] / transposed.Group) * perGroup + row % perGroup;
                default: return i % channels;
            }
        }
    }
}
