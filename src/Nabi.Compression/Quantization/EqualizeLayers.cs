using Nabi.Compression.Recipes;
using Nabi.Ops;
using Nabi.Passes;

namespace Nabi.Compression.Quantization;

/// <summary>
/// Cross-layer equalization (Nagel et al. 2019, Data-Free Quantization, section 4.1): between two layers with nothing or a Relu between
/// them, each channel is scaled so that both layers' weights use the same part of their range. The network computes what it did;
/// quantized per tensor it loses far less. Batch normalization is folded first. Then biases so high that a channel is nearly always above zero are absorbed
/// by the next layer (section 4.1.3): c = max(0, beta - 3 gamma) goes from the first layer's bias into the second's, as W2 c, which narrows the
/// activations' range. That is done where batch normalization tells beta and gamma and the second layer does not pad, since padded zeros are not shifted;
/// the paper does not look at padding.
/// </summary>
public sealed record EqualizeLayers : CompressionStep
{
    /// <summary>How often all pairs are gone through. Default 20. Range 1 to 1000.</summary>
    public int Rounds { get; init; } = 20;

    /// <summary>Move high biases into the next layer? It changes the network's function on one value in 741 of such channels. Default true.</summary>
    public bool AbsorbBiases { get; init; } = true;

    /// <inheritdoc/>
    public override string? Fault => OutOfRange("rounds", Rounds, 1, 1000);

    /// <inheritdoc/>
    public override Graph Apply(Graph graph, CompressionContext context)
    {
        var statistics = ActivationStatistics.Of(graph);
        graph = FoldBatchNormalization.Pass.Apply(graph);
        var pairs = graph.Nodes.Select(Pair.Of).OfType<Pair>().ToArray();
        if (pairs.Length == 0)
        {
            context.Notes.Add($"{Name}: no two layers follow each other with nothing or a Relu between them, so nothing was scaled.");
            return graph;
        }
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        Tensor Own(Value parameter) => tensors.TryGetValue(parameter.Name, out var tensor) ? tensor
            : tensors[parameter.Name] = parameter.Data!.Copy();
        for (var round = 0; round < Rounds; round++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            foreach (var pair in pairs)
            {
                var factors = pair.Equalize(Own(pair.First), pair.Bias is null ? null : Own(pair.Bias), Own(pair.Second));
                statistics.Change(pair.Sum, c => factors[c], _ => 0);
            }
        }
        var absorbed = 0;
        foreach (var pair in pairs)
        {
            if (!AbsorbBiases || !pair.CanAbsorb || statistics[pair.Sum] is not { } known) continue;
            var high = known.Mean.Zip(known.Deviation, (mean, deviation) => Math.Max(0, mean - 3 * deviation)).ToArray();
            absorbed += high.Count(h => h > 0);
            pair.Absorb(high, Own(pair.Bias!), Own(pair.Second), Own(pair.NextBias!));
            statistics.Change(pair.Sum, _ => 1, c => -high[c]);
        }
        if (absorbed > 0) context.Notes.Add($"{Name}: the next layer absorbed the biases of {absorbed} channels.");
        return statistics.On(graph.WithParameters(tensors));
    }

    /// <summary>Two weights with a common axis of channels: the outputs of the first are the inputs of the second.</summary>
    /// <param name="First">The first weight.</param>
    /// <param name="FirstAxis">Its axis of outputs.</param>
    /// <param name="Bias">The first bias, if there is one.</param>
    /// <param name="Sum">Name of the first layer's output before its activation function.</param>
    /// <param name="Second">The second weight.</param>
    /// <param name="SecondAxis">Its axis of inputs.</param>
    /// <param name="NextBias">The second bias, if there is one.</param>
    /// <param name="CanAbsorb">Can a bias that is too high go into the next?</param>
    private sealed record Pair(Value First, int FirstAxis, Value? Bias, string Sum, Value Second, int SecondAxis, Value? NextBias, bool CanAbsorb)
    {
        public static Pair? Of(Node first)
        {
            if (WeightAxes.Of(first) is not { } axes || !IsOwn(first.Inputs[axes.Input])
                || (first.Inputs.Count > 2 && first.Inputs[2] is not null && !IsOwn(first.Inputs[2]))) return null;
            var output = first.Output;
            if (output is { UseCount: 1, IsOutput: false } && output.Users[0].Op is Relu) output = output.Users[0].Output;
            if (output is not { UseCount: 1, IsOutput: false } || output.Users[0] is not { } second || second.Inputs[0] != output) return null;
            if (WeightAxes.Of(second) is not { } next || !IsOwn(second.Inputs[next.Input])
                || (first.Op is Conv) != (second.Op is Conv)) return null;
            var weight = second.Inputs[next.Input]!;
            var axis = second.Op is not Conv { Group: > 1 } conv ? next.InputAxis : weight.Shape[1] == 1 && weight.Shape[0] == conv.Group ? 0
                : -1;
            var bias = first.Inputs.Count > 2 ? first.Inputs[2] : null;
            var nextBias = second.Inputs.Count > 2 && IsOwn(second.Inputs[2]) ? second.Inputs[2] : null;
            var isPadded = second.Op is Conv { Window: var window } && (window.AutoPad != AutoPad.NotSet || window.Pads.Any(p => p != 0));
            var canAbsorb = output != first.Output && bias is not null && nextBias is not null && !isPadded;
            return axis < 0 ? null : new Pair(first.Inputs[axes.Input]!, axes.OutputAxis, bias, first.Output.Name, weight, axis, nextBias, canAbsorb);
        }

        /// <summary>Scales both; what the first layer's outputs were multiplied with.</summary>
        public float[] Equalize(Tensor first, Tensor? bias, Tensor second)
        {
            var (r1, r2) = (Largest(first, FirstAxis), Largest(second, SecondAxis));
            var scale = new float[r1.Length];
            // s = sqrt(r1 r2) / r2: afterwards both have the range sqrt(r1 r2). Dead channels stay as they are.
            for (var c = 0; c < scale.Length; c++) scale[c] = r1[c] > 1e-9f && r2[c] > 1e-9f ? MathF.Sqrt(r1[c] / r2[c]) : 1;
            Multiply(second, SecondAxis, scale);
            for (var c = 0; c < scale.Length; c++) scale[c] = 1 / scale[c];
            Multiply(first, FirstAxis, scale);
            if (bias is not null) Multiply(bias, 0, scale);
            return scale;
        }

        /// <summary>Takes numbers off the first bias and adds what they gave to the second.</summary>
        public void Absorb(double[] high, Tensor bias, Tensor second, Tensor nextBias)
        {
            for (var c = 0; c < high.Length; c++) bias.Span<float>()[c] -= (float)high[c];
            var isDepthwise = SecondAxis == 0 && second.Shape.Rank > 2;
            var outputAxis = SecondAxis == 0 && !isDepthwise ? 1 : 0;
            var (perInput, perOutput) = (second.Shape.CountOf(SecondAxis + 1, second.Shape.Rank), second.Shape.CountOf(outputAxis + 1, second.Shape.Rank));
            var (inputs, outputs) = (second.Shape[SecondAxis], second.Shape[outputAxis]);
            var gained = new double[outputs];
            var weights = second.Span<float>();
            for (var i = 0; i < weights.Length; i++) gained[i / perOutput % outputs] += weights[i] * high[i / perInput % inputs];
            for (var o = 0; o < outputs; o++) nextBias.Span<float>()[o] += (float)gained[o];
        }

        private static bool IsOwn(Value? value) => value is { Data: not null, DType: DType.Float32, Users.Count: 1 };

        private static float[] Largest(Tensor tensor, int axis)
        {
            var largest = new float[tensor.Shape[axis]];
            var inner = tensor.Shape.CountOf(axis + 1, tensor.Shape.Rank);
            var values = tensor.Span<float>();
            for (var i = 0; i < values.Length; i++)
            {
                ref var r = ref largest[i / inner % largest.Length];
                r = Math.Max(r, Math.Abs(values[i]));
            }
            return largest;
        }

        private static void Multiply(Tensor tensor, int axis, float[] factors)
        {
            var inner = tensor.Shape.CountOf(axis + 1, tensor.Shape.Rank);
            var values = tensor.Span<float>();
            for (var i = 0; i < values.Length; i++) values[i] *= factors[i / inner % factors.Length];
        }
    }
}

/// <summary>Writes <see cref="Quantization.EqualizeLayers"/> in recipes.</summary>
public static class EqualizeLayersRecipe
{
    /// <summary>Adds cross-layer equalization.</summary>
    public static Recipe EqualizeLayers(this Recipe recipe, Func<EqualizeLayers, EqualizeLayers>? settings = null) =>
        recipe.Then(settings?.Invoke(new EqualizeLayers()) ?? new EqualizeLayers());
}
